/** A fault that lasts for minutes and strikes one distribution: the others are played meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import type { UpdateEntry } from '../../../../demo/cloudfront.ts'
import type { Ground } from './ground.ts'
import type { Play } from './play.ts'
import { followReigns, type Reigns } from './reigns.ts'
import type { FaultName } from './table.ts'

/** Three minutes in all. Without a reading nothing is written, so reads are answered again while writes are not. */
const THROTTLED_MS = { reads: 60_000, writes: 180_000 }
/** More than can be met meanwhile. */
const ALWAYS = 10_000

async function throttling(ground: Ground): Promise<void> {
  const reigns = followReigns(ground.environment)
  const since = Date.now()
  for (const operation of ['GetDistribution', 'UpdateDistribution'])
    await ground.fault({ operation, times: ALWAYS, code: 'Throttling', message: 'Rate exceeded' })
  await ground.site.apply(ground.write('2'))
  await ground.untilSaid('Reconciling', 'PointerUnreachable')
  await sleep(since + THROTTLED_MS.reads - Date.now())
  await ground.faultEnds('GetDistribution')
  await ground.refusals(2)
  await ground.remember()
  await sleep(since + THROTTLED_MS.writes - Date.now())
  expect(ground.site.follower.release()?.status?.attempt?.outcome).toBeUndefined()
  await ground.expectSamePods()
  await ground.faultEnds('UpdateDistribution')
  expect((await ground.untilPromoted()).status?.history?.map(({ outcome }) => outcome)).toEqual([
    'Promoted',
    'Promoted',
  ])
  reigns.end()
  ground.expectNeverStalled()
  expect(await ground.moves()).toHaveLength(2)
  for (const operation of ['GetDistribution', 'UpdateDistribution']) {
    const waits = waitsOf(await ground.calls(operation), reigns)
    // Doubling, of which chance takes a half at most.
    expect(waits.filter(({ ms, fullMs }) => ms < fullMs / 2)).toEqual([])
  }
}

type Wait = { ms: number; fullMs: number }

/** From each throttled call to the next one of its kind, and how long it may be at most by the number of failures before. */
function waitsOf(calls: readonly UpdateEntry[], { begunAt }: Reigns): Wait[] {
  let failures = 0
  return calls.flatMap(({ code, time }, index) => {
    const at = Date.parse(time)
    const next = Date.parse(calls[index + 1]?.time ?? '')
    const wait = { ms: next - at, fullMs: Math.min(2000 * 2 ** failures, 60_000) }
    const isOfOne = begunAt(next) === begunAt(at)
    failures = code === 'Throttling' && isOfOne ? failures + 1 : 0
    return failures > 0 ? [wait] : []
  })
}

export const LONG = { 'F6 throttling': { play: throttling } } satisfies Partial<Record<FaultName, Play>>
