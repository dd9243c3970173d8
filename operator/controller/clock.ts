import { performance } from 'node:perf_hooks'

/** Time and randomness, handed to everything here that waits, so that tests decide how late it is. */
export type Clock = {
  /** Milliseconds of a clock that never jumps; it goes on while the process is stopped, but not while the machine sleeps. */
  monotonicMs(): number
  /** Unix milliseconds; may jump either way when somebody sets the clock. */
  wallMs(): number
  /** A number in [0, 1). */
  random(): number
  /** Calls `act` once after `ms` milliseconds, unless the returned function cancels it first. */
  after(ms: number, act: () => void): () => void
}

// A longer delay would overflow to 1 ms: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The machine's own clock. Waits longer than 24.8 days end early. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  after: (ms, act) => {
    const timer = setTimeout(act, Math.min(ms, LONGEST_TIMER_MS))
    return () => {
      clearTimeout(timer)
    }
  },
}

/** One moment on both clocks. */
export type Moment = { readonly monotonicMs: number; readonly wallMs: number }

/** The most by which a steady time is faster or slower than the monotonic clock. */
const SLEW = 0.01

/**
 * Unix milliseconds that never jump: from `since` on they go on with the monotonic clock, and only as fast as by a
 * hundredth nearer to the wall clock, so that somebody who sets that one, and be it by years, ends no deadline.
 */
export function steadyTime(clock: Clock, since: Moment): () => number {
  let { monotonicMs: at, wallMs: time } = since
  return () => {
    const passed = Math.max(0, clock.monotonicMs() - at)
    at += passed
    time += passed
    const behind = clock.wallMs() - time
    time += Math.sign(behind) * Math.min(Math.abs(behind), passed * SLEW)
    return Math.floor(time)
  }
}

/** Resolves after `ms` milliseconds, or at once when `signal` aborts; it never rejects. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const wake = () => {
      cancel()
      signal?.removeEventListener('abort', wake)
      resolve()
    }
    const cancel = clock.after(ms, wake)
    signal?.addEventListener('abort', wake, { once: true })
  })
}

/** Where a growing wait starts and where it ends, in milliseconds. */
export type BackoffOptions = { readonly baseMs: number; readonly maxMs: number }

/** How long to wait after the `attempt`-th failure in a row (from 1): doubling, capped, between half and all of it at random. */
export function backoffMs(backoff: BackoffOptions, attempt: number, random: number): number {
  // 2 ** 1024 is Infinity and Infinity * 0 is NaN; nobody needs more than 64 doublings.
  const full = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 64))
  return full * (0.5 + random / 2)
}
