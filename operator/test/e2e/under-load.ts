/** Sends viewers while something happens, not one of whom may be failed; tried again where the machine was too busy to tell. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { isBusy } from '../../../demo/deadline.ts'
import { busyNote, isTooBusy, viewerProblems, type Judged } from '../../../demo/judge-viewers.ts'
import type { Site, Version } from './site.ts'

const LIMITS = { requests: 100, failureShare: 0, gapMs: 1000 }
const TRIES = 3
/** For so long is waited for a machine that has time, and it must have had some for so long; milliseconds. */
const QUIET = { withinMs: 180_000, forMs: 5000, lookMs: 500 }

/** Nothing wrong was seen, and too much was not seen: neither passed nor failed. */
export class MachineBusyError extends Error {
  override name = 'MachineBusyError'
}

export async function underLoad(
  site: Site,
  versions: readonly Version[],
  act: () => Promise<void>,
): Promise<void> {
  const viewers = await site.viewers(versions)
  try {
    await act()
    await viewers.completed(LIMITS.requests)
  } catch (error) {
    await viewers.leave()
    throw error
  }
  const judged = await viewers.leave()
  expect(viewerProblems(judged, LIMITS)).toEqual([])
  refuseTooBusy(judged)
}

/** Call it when nothing else was wrong. @throws MachineBusyError */
export function refuseTooBusy(judged: Judged): void {
  if (isTooBusy(judged)) throw new MachineBusyError(`machine too busy to judge: ${busyNote(judged)}`)
}

/** A test that is begun anew, a few times at most, where the machine was too busy to judge it. */
export function judgedTest(name: string, body: () => Promise<void>, timeoutMs: number): void {
  test(name, () => untilJudged(body), timeoutMs)
}

/** Does it anew, a few times at most, where the machine was too busy to judge; what fails is never tried again. */
export async function untilJudged<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof MachineBusyError) || tries === TRIES) throw error
      await quietMachine()
    }
  }
}

/** Returns once the machine has had time for a while, or when that takes too long. */
async function quietMachine(): Promise<void> {
  const until = performance.now() + QUIET.withinMs
  for (let since = performance.now(); performance.now() < until;) {
    await sleep(QUIET.lookMs)
    if (isBusy()) since = performance.now()
    else if (performance.now() - since >= QUIET.forMs) return
  }
}
