/** Whatever is thrown anywhere: whoever waits for the release is told in its status. */
import { expect, test } from '@jest/globals'
import { RefusedError, TransientError } from '../../ports/errors.ts'
import type { Condition, Spec } from '../../api/release.ts'
import { ActionFailures } from '../../reconcile.ts'
import { passOver } from './pass-over.ts'
import { housing, housingBehindService, SimulatedWorld } from '../fakes/simulated-world.ts'

type Broken = (world: SimulatedWorld) => void

async function passes(spec: Spec, count: number, breakIt: Broken = () => undefined): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({ spec })
  for (let pass = 0; pass < count; pass += 1) {
    if (pass === count - 1) breakIt(world)
    const reading = (): typeof world.pointerPort => {
      if (spec.traffic.type !== 'Service' && !spec.traffic.cloudFrontDistribution)
        throw new TypeError('read of undefined')
      return world.pointerPort
    }
    await passOver(world, {
      pointerOf: reading,
      seenBefore: () => true,
      failures: new ActionFailures(),
    }).catch(() => undefined)
    world.advanceTo(world.now + 3000)
  }
  return world
}

function conditionOf(world: SimulatedWorld, type: string): Condition | undefined {
  return world.status?.conditions?.find((one) => one.type === type)
}

test.each(['CloudFrontDistribution', 'CloudFrontKeyValueStore', 'LoadBalancer'])(
  'a pointer of type %s without its member is told',
  async (type) => {
    const world = await passes({ ...housing(1), traffic: { type: type as 'Service' } }, 2)
    expect(conditionOf(world, 'Stalled')).toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringContaining(type),
    })
    expect(conditionOf(world, 'Ready')).toMatchObject({ status: 'False' })
  },
)

const cases: Record<string, { error: Error; reason: string }> = {
  'what nobody thought of': { error: new TypeError('boom'), reason: 'InternalError' },
  'a right that is missing': { error: new RefusedError('AccessDenied', 'boom'), reason: 'AccessDenied' },
}

test.each(Object.entries(cases))('%s, at the first look', async (_name, { error, reason }) => {
  const world = await passes(housingBehindService(1), 1, (broken) => {
    broken.revisions = () => Promise.reject(error)
  })
  expect(conditionOf(world, 'Stalled')).toMatchObject({ reason, message: expect.stringContaining('boom') })
  expect(conditionOf(world, 'Ready')).toMatchObject({ status: 'False', reason: 'Stalled' })
  expect(world.happenings).toMatchObject([{ reason }])
})

test('in a release that is live, what was known stays', async () => {
  const world = await passes(housingBehindService(1), 20, (broken) => {
    broken.colors = () => Promise.reject(new TypeError('boom'))
  })
  expect(world.status).toMatchObject({ liveColor: 'blue', attempt: { outcome: 'Promoted' } })
  expect(conditionOf(world, 'Ready')).toMatchObject({ status: 'True' })
  expect(conditionOf(world, 'Stalled')).toMatchObject({ reason: 'InternalError' })
})

test('each condition names the generation that it was observed at, so that nobody waits in vain, or reads an old success', async () => {
  const spec = housingBehindService(1)
  const world = await passes(spec, 21, (broken) => {
    broken.colors = () => Promise.reject(new TypeError('boom'))
    broken.apply({ ...spec, replicas: 3 })
  })
  const generations = world.status?.conditions?.map((one) => [one.type, one.status, one.observedGeneration])
  expect(generations).toEqual(
    expect.arrayContaining([
      ['Stalled', 'True', 2],
      ['Ready', 'False', 2],
      ['Serving', 'True', 1],
      ['GatesPassed', 'True', 1],
    ]),
  )
  expect(world.status?.observedGeneration).toBe(1)
})

test('what passes by itself is not told', async () => {
  const world = await passes(housingBehindService(1), 1, (broken) => {
    broken.colors = () => Promise.reject(new TransientError('etcd leader changed'))
  })
  expect(world.status).toBeUndefined()
})
