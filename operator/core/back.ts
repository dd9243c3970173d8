/** Rules that bring the pointer back to the color that served before. */
import type { Color } from '../api/names.ts'
import type { Attempt } from '../api/release.ts'
import { endAttempt, isOverdue, without } from './memory.ts'
import { PODS_RECHECK_MS } from './pacing.ts'
import { proveAndMove } from './proving.ts'
import { goalOf, runningAttempt, storedOf, unavailable, type Found, type Scene } from './scene.ts'
import { invalidating, settling, verifying } from './verifying.ts'

/** The pointer returns: after a wrong answer, an undo, or an abort after the switch. */
export function goingBack(scene: Scene): Found {
  const attempt = runningAttempt(scene)
  if (attempt?.direction !== 'Back') return undefined
  const goal = goalOf(scene, attempt)
  if (!goal)
    return {
      waiting: { reason: 'Returning', message: 'no color is known to return to' },
      recheckMs: PODS_RECHECK_MS,
    }
  if (goal === scene.live) return arrivedBack(scene, attempt, goal)
  const trouble = unavailable(scene.world.colors[goal])
  if (trouble) return cannotReturn(scene, attempt, `${goal} cannot take over: ${trouble}`)
  const stored = storedOf(scene, scene.world.colors[goal].workload?.revision)
  if (!stored) return cannotReturn(scene, attempt, `what ${goal} rendered is not stored any more`)
  return proveAndMove(scene, {
    attempt,
    goal,
    stored,
    failed: (message) => notProven(scene, attempt, `${goal} does not pass its gates: ${message}`),
    unknown: (message) =>
      isOverdue(attempt, scene.world)
        ? notProven(scene, attempt, `${goal} does not answer its gates: ${message}`)
        : undefined,
  })
}

/** Where the return must be kept in mind, the gates are asked again in every pass: the color may recover. */
function notProven(scene: Scene, attempt: Attempt, message: string): Found {
  if (attempt.reason === 'VerifyFailed' && scene.world.did?.type !== 'GatesRan') return undefined
  return cannotReturn(scene, attempt, message)
}

/** A command is given up; a return from a wrong answer is kept in mind, and no pointer is written meanwhile. */
function cannotReturn(scene: Scene, attempt: Attempt, message: string): Found {
  if (attempt.reason === 'VerifyFailed')
    return {
      waiting: {
        reason: 'BothColorsBroken',
        message: `${attempt.message ?? ''}, and ${message}; nothing is moved or removed: apply another spec, or have the new color asked again with the command retry/${attempt.id}/<nonce>`,
      },
      recheckMs: PODS_RECHECK_MS,
    }
  const forward: Attempt = { ...without(attempt, 'reason', 'message'), direction: 'Forward' }
  const { command, ...rest } = without(scene.memory, 'gates', 'intent')
  const report = command ? { command: { ...command, result: 'Refused' as const, message } } : {}
  return { memory: { ...rest, ...report, attempt: forward } }
}

function arrivedBack(scene: Scene, attempt: Attempt, goal: Color): Found {
  const unsettled = settling(scene)
  if (unsettled) return unsettled
  const unverified = invalidating(scene) ?? verifying(scene, attempt, goal)
  if (unverified) return unverified
  const outcome = attempt.reason === 'Aborted' ? 'Aborted' : 'RolledBack'
  const ending = {
    outcome,
    reason: attempt.reason ?? 'Undone',
    ...(attempt.message ? { message: attempt.message } : {}),
  } as const
  return { memory: endAttempt(scene.memory, scene.world.now, ending) }
}
