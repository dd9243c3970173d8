import { setTimeout } from 'node:timers/promises'

/** Waits, and throws the signal's own reason where that ends first: Node's timers throw an AbortError that says nothing. */
export async function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => undefined)
  signal.throwIfAborted()
}
