import { describe, expect, test } from '@jest/globals'
import { RATE, Unusable, median, windowsOf } from './signal.ts'
import type { Colors } from './signal.ts'

type Finger = {
  seconds?: number
  red?: number
  blue?: number
  redPulse?: number
  bluePulse?: number
  beatsPerMinute?: number
  noise?: number
  drift?: number
}

/** A generator of numbers from 0 to 1 that are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

/** What a camera would see; pulses are relative to the brightness. */
function finger(given: Finger): Colors {
  const {
    seconds = 10,
    red = 0.75,
    blue = 0.2,
    redPulse = 0.01,
    bluePulse = 0.02,
    beatsPerMinute = 72,
    noise = 0,
    drift = 0,
  } = given
  const random = numbers(7)
  const channel = (brightness: number, pulse: number): Float64Array =>
    Float64Array.from({ length: Math.round(seconds * RATE) }, (_, frame) => {
      const time = frame / RATE
      const angle = 2 * Math.PI * (beatsPerMinute / 60) * time
      // A beat rises faster than it falls: half an overtone beside the wave.
      const beat = Math.sin(angle) + 0.3 * Math.sin(2 * angle)
      return brightness * (1 + pulse * beat + drift * time) + noise * (random() - 0.5)
    })
  return { red: channel(red, redPulse), blue: channel(blue, bluePulse) }
}

describe('the ratio of red over blue, and the pulse', () => {
  test.each<[string, Finger, number, number]>([
    ['of a calm finger', {}, 0.5, 72],
    ['of a slow heart', { beatsPerMinute: 45 }, 0.5, 45],
    ['of a fast one', { beatsPerMinute: 180 }, 0.5, 180],
    ['of less oxygen', { redPulse: 0.02 }, 1, 72],
    ['of a finger that presses harder and harder', { drift: -0.01 }, 0.5, 72],
    ['of a noisy camera', { noise: 0.002 }, 0.5, 72],
  ])('%s', (_, given, ratio, pulse) => {
    const windows = windowsOf(finger(given))
    expect(windows).toHaveLength(3)
    expect(Math.abs(median(windows.map((window) => window.ratio)) / ratio - 1)).toBeLessThan(0.03)
    expect(Math.abs(median(windows.map((window) => window.pulse)) - pulse)).toBeLessThanOrEqual(3)
  })
})

describe('a clip that says nothing is refused, and why', () => {
  test.each<[string, Finger, string]>([
    ['too short', { seconds: 4.9 }, 'the video: expected at least 5 seconds, got 4.9'],
    ['no frame at all', { seconds: 0 }, 'the video: expected at least 5 seconds, got 0.0'],
    [
      'without a flash',
      { red: 0.02, blue: 0.01 },
      'the video: too dark (red 2 %, blue 1 %); switch the flash on',
    ],
    [
      'without a finger',
      { red: 0.99, blue: 0.9, redPulse: 0 },
      'the video: too bright (red 99 %, blue 90 %)',
    ],
    ['a wall', { red: 0.5, blue: 0.5 }, 'the video: not red enough for a finger (red 50 %, blue 50 %)'],
    ['a red wall', { redPulse: 0, bluePulse: 0 }, 'the video: no pulse found'],
    ['noise', { redPulse: 0, bluePulse: 0, noise: 0.05 }, 'the video: no pulse found'],
    ['red that moves alone', { bluePulse: 0 }, 'the video: no pulse found'],
  ])('%s', (_, given, message) => {
    expect(() => windowsOf(finger(given))).toThrow(message)
    expect(() => windowsOf(finger(given))).toThrow(Unusable)
  })
})

test('a window without a pulse is left out', () => {
  const [calm, still] = [finger({ seconds: 5 }), finger({ seconds: 5, redPulse: 0 })]
  const joined = (a: Float64Array, b: Float64Array): Float64Array => Float64Array.from([...a, ...b])
  const windows = windowsOf({ red: joined(calm.red, still.red), blue: joined(calm.blue, still.blue) })
  expect(windows.length).toBeLessThan(3)
  expect(windows[0]?.ratio).toBeCloseTo(0.5, 1)
})

test('the median', () => {
  expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, NaN])
})
