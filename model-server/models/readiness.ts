import type { Repository } from './repository.ts'
import type { SlotState } from './model-slot.ts'

/**
 * Why no new traffic should come here; undefined when it may. Ready needs proof: anything not known is a reason, and so is
 * having no model. A model that is unloaded by request, or was never loaded but by request, holds up no other.
 */
export function notReadyBecause(repository: Repository, draining: boolean): string | undefined {
  if (draining) return 'the server is draining'
  let loaded = 0
  for (const { name, version, state, required } of repository.slots) {
    const reason = modelNotReadyBecause(state, draining)
    if (reason === undefined) loaded += 1
    else if (required) {
      return repository.slots.length === 1 ? reason : `model '${name}' version '${version}': ${reason}`
    }
  }
  if (loaded === 0) return 'the server has no model'
  return repository.gate()
}

/** The same for one model. */
export function modelNotReadyBecause(state: SlotState, draining: boolean): string | undefined {
  if (draining) return 'the server is draining'
  return state.type === 'Loaded' ? state.model.unavailableBecause() : state.reason
}

/**
 * Whether the server will never be ready unless a person changes something: its model was refused, or its store keeps saying
 * no. Whoever rolls it out need not wait for it any longer.
 */
export function neverReady({ slots }: Repository): boolean {
  return slots.some(
    ({ required, state }) =>
      required && (state.type === 'Refused' || (state.type === 'Loading' && state.lasting === true)),
  )
}
