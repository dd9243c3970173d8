import type { Repository } from './repository.ts'
import type { SlotState } from './model-slot.ts'

/** Why no new traffic should come here; undefined when it may. Ready needs proof: anything not known is a reason, and so is having no model. */
export function notReadyBecause(repository: Repository, draining: boolean): string | undefined {
  if (repository.slots.length === 0) return 'the server has no model'
  for (const { state, config } of repository.slots) {
    const reason = modelNotReadyBecause(state, draining)
    if (reason === undefined) continue
    return repository.slots.length === 1 || draining
      ? reason
      : `model '${config.name}' version '${config.version}': ${reason}`
  }
  return undefined
}

/** The same for one model. */
export function modelNotReadyBecause(state: SlotState, draining: boolean): string | undefined {
  if (draining) return 'the server is draining'
  return state.type === 'Loaded' ? undefined : state.reason
}
