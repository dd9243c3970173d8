/** A server that sends nothing for this long is given up; a slow one that keeps sending is not. */
const SILENCE_MS = 15_000

/** Aborts when nothing is heard for a while. */
export type Silence = {
  signal: AbortSignal
  /** Something came. */
  heard: () => void
  end: () => void
}

/** Watch from now on; also aborts with `signal`. `from` is who should be heard, for example host and port. */
export function watchSilence(signal: AbortSignal, from: string): Silence {
  const silence = new AbortController()
  const timer = setTimeout(() => {
    silence.abort(new Error(`no byte came from ${from} for ${SILENCE_MS / 1000} s`))
  }, SILENCE_MS)
  return {
    signal: AbortSignal.any([signal, silence.signal]),
    heard: () => void timer.refresh(),
    end: () => clearTimeout(timer),
  }
}
