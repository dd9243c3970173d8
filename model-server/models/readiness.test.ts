import { describe, expect, test } from '@jest/globals'
import { FakeStore, modelConfig } from '../test/fake-models.ts'
import type { SlotState } from './model-slot.ts'
import { notReadyBecause } from './readiness.ts'
import { Repository } from './repository.ts'
import type { ServedModel } from './served-model.ts'

const answering: Partial<ServedModel> = { unavailableBecause: () => undefined }
const loaded: SlotState = { type: 'Loaded', model: answering as ServedModel }
const dying: Partial<ServedModel> = { unavailableBecause: () => 'its threads died' }
const loading: SlotState = { type: 'Loading', reason: 'fetching' }
const refused: SlotState = { type: 'Refused', reason: 'wrong digest' }

function repositoryOf(states: readonly SlotState[]): Repository {
  const configs = states.map((_, index) => modelConfig(`m${index}`, '1'))
  const repository = new Repository(configs, new FakeStore().parts)
  for (const [index, state] of states.entries()) Object.assign(repository.find(`m${index}`), { state })
  return repository
}

test.each<[string, SlotState[], boolean, string | undefined]>([
  ['a loaded model', [loaded], false, undefined],
  ['a loaded model that is leaving', [loaded], true, 'the server is draining'],
  ['a model on its way', [loading], false, 'fetching'],
  ['a refused model', [refused], false, 'wrong digest'],
  ['no model at all', [], false, 'the server has no model'],
  ['two loaded models', [loaded, loaded], false, undefined],
  ['one of two on its way', [loaded, loading], false, "model 'm1' version '1': fetching"],
  [
    'a loaded model that cannot answer for now',
    [{ type: 'Loaded', model: dying as ServedModel }],
    false,
    'its threads died',
  ],
  ['one that goes on with what it has', [{ ...loaded, reloadFailed: 'wrong digest' }], false, undefined],
])('%s', (_, states, draining, reason) => {
  expect(notReadyBecause(repositoryOf(states), draining)).toBe(reason)
})

describe('by request', () => {
  test('a model that fails to load holds up no other', async () => {
    const repository = repositoryOf([loaded])
    await expect(repository.loadOne(modelConfig('m0', '2'))).rejects.toThrow()
    expect(notReadyBecause(repository, false)).toBeUndefined()
  })

  test('an unloaded model holds up no other, but somebody has to be there', async () => {
    const repository = repositoryOf([refused, loaded])
    await repository.find('m0').unload()
    expect(notReadyBecause(repository, false)).toBeUndefined()
    Object.assign(repository.find('m1'), { state: loading })
    await repository.find('m1').unload()
    expect(notReadyBecause(repository, false)).toBe('the server has no model')
  })
})
