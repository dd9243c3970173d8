import { expect, test } from '@jest/globals'
import type { LoadedModel, SlotState } from './model-slot.ts'
import { notReadyBecause } from './readiness.ts'

const loaded: SlotState = { type: 'Loaded', model: {} as LoadedModel }

test.each<[string, SlotState, boolean, string | undefined]>([
  ['a loaded model', loaded, false, undefined],
  ['a loaded model that is leaving', loaded, true, 'the server is draining'],
  ['a model on its way', { type: 'Loading', reason: 'fetching' }, false, 'fetching'],
  ['a refused model', { type: 'Refused', reason: 'wrong digest' }, false, 'wrong digest'],
])('%s', (_, state, draining, reason) => {
  expect(notReadyBecause(state, draining)).toBe(reason)
})
