import type { ServerResponse } from 'node:http'
import type { ModelSlot } from '../models/model-slot.ts'

/** Say in the headers of an answer which model, version and bytes it is of; the first who says it is right. */
export function introduceModel(response: ServerResponse, { name, version, state }: ModelSlot): void {
  if (response.hasHeader('x-model-name')) return
  response.setHeader('x-model-name', name)
  response.setHeader('x-model-version', version)
  if (state.type === 'Loaded') response.setHeader('x-model-digest', `sha256:${state.model.sha256}`)
}
