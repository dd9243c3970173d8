import type { Color } from '../../api/names.ts'
import type { Attempt } from '../../api/release.ts'
import type { Decision } from '../context.ts'
import type { StoredRevision } from '../model/observation.ts'

/** A color on its way to the pointer. */
export interface MovePlan {
  attempt: Attempt
  goal: Color
  /** What its pods were rendered from, with the gates to ask. */
  stored: StoredRevision
  /** What the gates are asked for, where they were passed before: in a canary. */
  gatesKey?: string
  /** Percent of the clients that are to go there; absent: all of them. */
  weight?: number
  /** What a wrong answer leads to; undefined means to ask again. */
  failed: (message: string) => Decision
  /** What no answer leads to; undefined means to ask again. */
  unknown: (message: string) => Decision
}
