import { describe, expect, test } from '@jest/globals'
import type { Spec } from '../../operator/api/release.ts'
import type { Observation } from '../../operator/planner/model/observation.ts'
import {
  housing,
  housingBehindService,
  housingBehindStore,
} from '../../operator/test/fakes/simulated-world.ts'
import { PlayedRelease } from '../test/played-release.ts'
import { foresee, pointerFrom } from './ideal-world.ts'

/** The world as `plan` reads it, with a spec that is not applied yet. */
async function before(play: PlayedRelease, spec: Spec): Promise<Observation> {
  const { world } = play
  const present = await world.release()
  const metadata = { ...present.metadata, generation: present.metadata.generation + 1 }
  const release = { ...present, metadata, spec }
  const [colors, revisions, former] = await Promise.all([
    world.colors(),
    world.revisions(),
    world.formerPointers(),
  ])
  const pointer =
    spec.traffic.type === 'Service'
      ? await world.pointerPort.read(release)
      : pointerFrom(spec, present.status ?? {})
  const defaults = { serverImage: 'model-server:1' }
  return {
    now: world.now,
    firstReconcile: 'No',
    release,
    colors,
    revisions,
    former,
    pointer,
    claim: { type: 'Held' },
    defaults,
  }
}

describe('what is foreseen is what the operator then does', () => {
  test.each([
    ['a new revision behind a distribution', housing(1), housing(2)],
    ['the same revision with another gate', housing(1), housing(1, { gates: [] })],
    ['behind a Service', housingBehindService(1), housingBehindService(2)],
    [
      'behind a key, in steps',
      housingBehindStore(1),
      housingBehindStore(2, { canary: [{ weight: 10, holdSeconds: 20 }] }),
    ],
    ['with a time to be ready', housing(1), housing(3, { minReadySeconds: 30 })],
  ])('%s', async (_, first, spec) => {
    const play = new PlayedRelease(first)
    await play.run()
    const { world } = play
    const foreseen = foresee(await before(play, spec))
    const from = world.now
    world.apply(spec)
    await play.run()
    expect(foreseen.status.attempt).toMatchObject({
      outcome: 'Promoted',
      id: world.status?.attempt?.id,
      revision: world.status?.attempt?.revision,
    })
    expect(foreseen.status.liveColor).toBe(world.status?.liveColor)
    // Nothing can be faster than what was foreseen.
    expect(foreseen.leastMs).toBeLessThanOrEqual(world.now - from)
    const holds = spec.traffic.cloudFrontKeyValueStore?.canary?.[0]?.holdSeconds ?? 0
    expect(foreseen.leastMs).toBeGreaterThanOrEqual(1000 * Math.max(spec.minReadySeconds, holds))
  })

  test('what would be refused', async () => {
    const play = new PlayedRelease(housing(1))
    await play.run()
    const spec = housing(2)
    const { cloudFrontDistribution } = spec.traffic
    if (cloudFrontDistribution)
      cloudFrontDistribution.origins = { blue: 'housing-green', green: 'housing-blue' }
    const foreseen = foresee(await before(play, spec))
    play.world.apply(spec)
    await play.run()
    const reasonOf = (conditions: { type: string; reason: string }[] = []): string | undefined =>
      conditions.find(({ type }) => type === 'Stalled')?.reason
    expect(reasonOf(foreseen.status.conditions)).toBe('OriginRemapped')
    expect(reasonOf(play.world.status?.conditions)).toBe('OriginRemapped')
  })
})
