import { expect, test } from '@jest/globals'
import type { ModelSlot, SlotState } from './model-slot.ts'
import { Repository } from './repository.ts'
import { notReadyBecause } from './readiness.ts'
import type { ServedModel } from './served-model.ts'

const loaded: SlotState = { type: 'Loaded', model: {} as ServedModel }
const loading: SlotState = { type: 'Loading', reason: 'fetching' }
const refused: SlotState = { type: 'Refused', reason: 'wrong digest' }

function slot(name: string, state: SlotState): ModelSlot {
  const fake: unknown = { config: { name, version: '1' }, state }
  return fake as ModelSlot
}

test.each<[string, SlotState[], boolean, string | undefined]>([
  ['a loaded model', [loaded], false, undefined],
  ['a loaded model that is leaving', [loaded], true, 'the server is draining'],
  ['a model on its way', [loading], false, 'fetching'],
  ['a refused model', [refused], false, 'wrong digest'],
  ['no model at all', [], false, 'the server has no model'],
  ['two loaded models', [loaded, loaded], false, undefined],
  ['one of two on its way', [loaded, loading], false, "model 'm1' version '1': fetching"],
])('%s', (_, states, draining, reason) => {
  const repository = new Repository(states.map((state, index) => slot(`m${index}`, state)))
  expect(notReadyBecause(repository, draining)).toBe(reason)
})
