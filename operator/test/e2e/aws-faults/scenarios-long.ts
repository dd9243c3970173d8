/** A fault that lasts for minutes and strikes one distribution: the others are played meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import type { UpdateEntry } from '../../../../demo/cloudfront.ts'
import type { Fixture } from './fixture.ts'
import type { Scenario } from './scenario.ts'
import { followLeaders, type Leaders } from './leaders.ts'
import type { FaultName } from './table.ts'

/** Three minutes in all. Without a reading nothing is written, so reads are answered again while writes are not. */
const THROTTLED_MS = { reads: 60_000, writes: 180_000 }
/** More than can be met meanwhile. */
const ALWAYS = 10_000

async function throttling(fixture: Fixture): Promise<void> {
  const leaders = followLeaders(fixture.environment)
  const since = Date.now()
  for (const operation of ['GetDistribution', 'UpdateDistribution'])
    await fixture.fault({ operation, times: ALWAYS, code: 'Throttling', message: 'Rate exceeded' })
  await fixture.site.apply(fixture.write('2'))
  await fixture.untilSaid('Reconciling', 'PointerUnreachable')
  await sleep(since + THROTTLED_MS.reads - Date.now())
  await fixture.faultEnds('GetDistribution')
  await fixture.refusals(2)
  await fixture.remember()
  await sleep(since + THROTTLED_MS.writes - Date.now())
  expect(fixture.site.follower.release()?.status?.attempt?.outcome).toBeUndefined()
  await fixture.expectSamePods()
  await fixture.faultEnds('UpdateDistribution')
  expect((await fixture.untilPromoted()).status?.history?.map(({ outcome }) => outcome)).toEqual([
    'Promoted',
    'Promoted',
  ])
  leaders.end()
  fixture.expectNeverStalled()
  expect(await fixture.moves()).toHaveLength(2)
  for (const operation of ['GetDistribution', 'UpdateDistribution']) {
    const waits = waitsOf(await fixture.calls(operation), leaders)
    // Doubling, of which chance takes a half at most.
    expect(waits.filter(({ ms, fullMs }) => ms < fullMs / 2)).toEqual([])
  }
}

type Wait = { ms: number; fullMs: number }

/** From each throttled call to the next one of its kind, and how long it may be at most by the number of failures before. */
function waitsOf(calls: readonly UpdateEntry[], { startedAt }: Leaders): Wait[] {
  let failures = 0
  return calls.flatMap(({ code, time }, index) => {
    const at = Date.parse(time)
    const next = Date.parse(calls[index + 1]?.time ?? '')
    const wait = { ms: next - at, fullMs: Math.min(2000 * 2 ** failures, 60_000) }
    const isOfOne = startedAt(next) === startedAt(at)
    failures = code === 'Throttling' && isOfOne ? failures + 1 : 0
    return failures > 0 ? [wait] : []
  })
}

export const LONG = { 'F6 throttling': { scenario: throttling } } satisfies Partial<
  Record<FaultName, Scenario>
>
