import type { SlotState } from './model-slot.ts'

/** Why no new traffic should come here; undefined when it may. Ready needs proof: anything not known is a reason. */
export function notReadyBecause(state: SlotState, draining: boolean): string | undefined {
  if (draining) return 'the server is draining'
  return state.type === 'Loaded' ? undefined : state.reason
}
