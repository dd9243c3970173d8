/** What a careless operator would do; a walk that finds none of it finds nothing. */
import { goalOf, type PlanContext } from '../../../planner/context.ts'
import { keyOf, without } from '../../../planner/state/persisted-state.ts'
import { RULES } from '../../../planner/plan.ts'
import type { Read } from '../../../adapters/aws/cloudfront/reading.ts'
import type { Pointer } from '../../../ports/ports.ts'
import { gatesPassed } from '../../fakes/overrides.ts'
import type { Mistake } from './walker.ts'

function withIntent(scene: PlanContext): PlanContext {
  const { state, observation } = scene
  const { attempt } = state
  const to = attempt && goalOf(scene, attempt)
  if (!to || observation.pointer.type !== 'Read') return scene
  const intent = { to, token: observation.pointer.token, attempt: keyOf(attempt) }
  return { ...scene, state: { ...state, intent } }
}

type Moving = Parameters<Pointer['move']>[1]

/** The same driver with other moves. */
function moving(pointer: Pointer, changed: (step: Moving) => Moving): Pointer {
  return { ...pointer, move: (release, step) => pointer.move(release, changed(step)) }
}

/** The same driver with other readings. */
function reading(pointer: Pointer, changed: (reading: Read) => Read): Pointer {
  return {
    ...pointer,
    read: async (release, freshness) => {
      const found = await pointer.read(release, freshness)
      return found.type === 'Read' ? changed(found) : found
    },
  }
}

export const MISTAKES = {
  'an edge that does not follow yet is taken for one that does': {
    pointer: (pointer) => reading(pointer, (found) => ({ ...found, propagated: 'Yes' })),
  },
  'writes are guarded by the newest ETag, and not by the one that was read': {
    tamper:
      ({ etag }) =>
      (request) => ({ ...request, headers: { ...request.headers, 'if-match': etag(request.path) } }),
  },
  'writes lose what the SDK does not know': {
    tamper: () => (request) => {
      const body = String(request.body).replace(/<AnticipatedSetting>.*<\/AnticipatedSetting>/s, '')
      return {
        ...request,
        body,
        headers: { ...request.headers, 'content-length': String(Buffer.byteLength(body)) },
      }
    },
  },
  'the gates are believed without asking': {
    rules: {
      ...RULES,
      advance: { ...RULES.advance, switching: (scene) => RULES.advance.switching(gatesPassed(scene)) },
    },
  },
  'the pointer is moved before the status says so': {
    rules: {
      ...RULES,
      advance: { ...RULES.advance, switching: (scene) => RULES.advance.switching(withIntent(scene)) },
    },
  },
  'a color is taken away by what was read a while ago': {
    pointer: (pointer) => ({ ...pointer, read: (release) => pointer.read(release) }),
  },
  'everybody is sent where a share of the clients was to go': {
    pointer: (pointer) => moving(pointer, (step) => without(step, 'weight')),
  },
  'each step of a canary is for other clients': {
    pointer: (pointer) =>
      reading(
        moving(pointer, ({ salt, ...step }) => ({
          ...step,
          ...(salt ? { salt: `${salt}/${step.weight}` } : {}),
        })),
        ({ canary, ...found }) => ({
          ...found,
          ...(canary ? { canary: { ...canary, salt: canary.salt?.replace(/\/.*/, '') ?? '' } } : {}),
        }),
      ),
  },
  'nobody looks after those who meet an edge without the key': {
    pointer: (pointer) => reading(pointer, (found) => without(found, 'fallback')),
  },
} satisfies Record<string, Mistake>
