import { expect, test } from '@jest/globals'
import { run } from './simulation.ts'
import { housingBehindService, type SimulatedWorld } from '../fakes/simulated-world.ts'

/** Deletes a release of an earlier version's operator, with these finalizers. */
async function deletedWith(finalizers: string[]): Promise<SimulatedWorld> {
  const remove = (world: SimulatedWorld): void => {
    world.storedLongAgo()
    world.deletionTimestamp = new Date(world.now).toISOString()
    world.finalizers = finalizers
  }
  const { world } = await run({
    title: 'deleted',
    spec: housingBehindService(1),
    acts: [{ tell: 'deleted', do: remove }],
  })
  return world
}

test('a release that leaves its children behind is helped to: the API server can patch what is stored', async () => {
  const { stored, writes } = await deletedWith(['orphan'])
  expect(stored.map(({ kept }) => kept)).toMatchObject([{ form: 'Canonical', ownership: 'Free' }])
  expect(writes.at(-1)).toMatch(/^renew /)
})

test.each([[[]], [['foregroundDeletion']]])(
  'a release that goes with its children is left alone: %j',
  async (finalizers) => {
    const { stored } = await deletedWith(finalizers)
    expect(stored.map(({ kept }) => kept)).toMatchObject([{ form: 'Old' }])
  },
)
