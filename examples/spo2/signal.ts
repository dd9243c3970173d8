/** From the mean color of each frame to the ratio that a pulse oximeter looks at, window by window. Pure arithmetic. */

/** A clip that cannot be used; the message is for whoever recorded it. */
export class Unusable extends Error {
  override readonly name = 'Unusable'
  /** How the server learns that the words are for the client; see docs/model-server/handlers.md. */
  readonly status = 422
  readonly expose = true
}

/** The mean red and blue of each frame, from 0 to 1. */
export type Colors = { red: Float64Array; blue: Float64Array }

/** What one window of the clip says. */
export type Window = {
  /** Of red over blue, each its pulse relative to its brightness. */
  ratio: number
  /** Beats per minute. */
  pulse: number
}

/** Frames per second, made so by ffmpeg: phones record at a rate that varies. */
export const RATE = 30
const WINDOW = 5 * RATE
const STEP = WINDOW / 2
/** Hearts beat between 42 and 210 times a minute. */
const SLOWEST_HZ = 0.7
const FASTEST_HZ = 3.5
/** Finer than the 0.2 Hz that five seconds can tell apart, so that the top of a peak is found. */
const SCAN_HZ = 0.05

/** Below this, one step of an 8-bit camera is more than a pulse. */
const DARK = 0.03
const BRIGHT = 0.98
/** The smallest pulse, relative to the brightness, that we take for one. */
const FAINT = 0.0005
/** How much of what moves in red must be the pulse; noise alone reaches some 0.4. */
const CLEAR = 0.6

/**
 * The windows of a clip, five seconds each, every two and a half.
 * @throws Unusable saying what is wrong with the clip
 */
export function windowsOf({ red, blue }: Colors): Window[] {
  if (red.length < WINDOW) {
    const seconds = (red.length / RATE).toFixed(1)
    throw new Unusable(`the video: expected at least ${WINDOW / RATE} seconds, got ${seconds}`)
  }
  checkLight(mean(red), mean(blue))
  const windows: Window[] = []
  for (let start = 0; start + WINDOW <= red.length; start += STEP) {
    const window = windowOf(red.subarray(start, start + WINDOW), blue.subarray(start, start + WINDOW))
    if (window) windows.push(window)
  }
  if (windows.length === 0) {
    throw new Unusable('the video: no pulse found; hold the finger still, without pressing')
  }
  return windows
}

/** The middle value; of an even number the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2
}

function checkLight(red: number, blue: number): void {
  const got = `red ${percent(red)}, blue ${percent(blue)}`
  if (red < DARK || blue < DARK) throw new Unusable(`the video: too dark (${got}); switch the flash on`)
  if (red > BRIGHT) throw new Unusable(`the video: too bright (${got}); cover lens and flash with the finger`)
  if (red < 1.2 * blue) throw new Unusable(`the video: not red enough for a finger (${got})`)
}

/** Undefined where there is no pulse in it. */
function windowOf(red: Float64Array, blue: Float64Array): Window | undefined {
  const steadyRed = detrended(red)
  let best = { hz: 0, amplitude: 0 }
  for (let hz = SLOWEST_HZ; hz <= FASTEST_HZ; hz += SCAN_HZ) {
    const amplitude = amplitudeAt(steadyRed, hz)
    if (amplitude > best.amplitude) best = { hz, amplitude }
  }
  const redPulse = best.amplitude / mean(red)
  const bluePulse = amplitudeAt(detrended(blue), best.hz) / mean(blue)
  if (redPulse < FAINT || bluePulse < FAINT || clarity(steadyRed, best.hz) < CLEAR) return undefined
  return { ratio: redPulse / bluePulse, pulse: Math.round(best.hz * 60) }
}

/** Without its mean and its slope: a finger that presses harder darkens the picture more than any pulse. */
function detrended(values: Float64Array): Float64Array {
  const middle = (values.length - 1) / 2
  const average = mean(values)
  let covariance = 0
  let variance = 0
  for (const [index, value] of values.entries()) {
    covariance += (index - middle) * (value - average)
    variance += (index - middle) ** 2
  }
  return values.map((value, index) => value - average - (covariance / variance) * (index - middle))
}

/** How strongly the values swing at this frequency, in their own unit; Hann's window keeps other frequencies out. */
function amplitudeAt(values: Float64Array, hz: number): number {
  let cosine = 0
  let sine = 0
  for (const [index, value] of values.entries()) {
    const weighted = value * hann(index, values.length)
    const angle = (2 * Math.PI * hz * index) / RATE
    cosine += weighted * Math.cos(angle)
    sine += weighted * Math.sin(angle)
  }
  // Hann's window halves what it lets through, and half of a real signal is at the negative frequency.
  return (4 * Math.hypot(cosine, sine)) / values.length
}

/** The part of all movement, from 0 to 1, that a wave of this frequency and its first overtone explain. */
function clarity(values: Float64Array, hz: number): number {
  let all = 0
  for (const [index, value] of values.entries()) all += (value * hann(index, values.length)) ** 2
  // The mean square of Hann's window is 3/8.
  const variance = all / values.length / 0.375
  const explained = (amplitudeAt(values, hz) ** 2 + amplitudeAt(values, 2 * hz) ** 2) / 2
  return Math.min(1, explained / variance)
}

function hann(index: number, length: number): number {
  return 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / length)
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}
