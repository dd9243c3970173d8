/** What a careless operator would do; a walk that finds none of it finds nothing. */
import { goalOf, type Scene } from '../../core/scene.ts'
import { keyOf } from '../../core/memory.ts'
import { RULES } from '../../core/plan.ts'
import { gatesPassed } from '../beliefs.ts'
import type { Mistake } from './walker.ts'

function withIntent(scene: Scene): Scene {
  const { memory, world } = scene
  const { attempt } = memory
  const to = attempt && goalOf(scene, attempt)
  if (!to || world.pointer.type !== 'Read') return scene
  const intent = { to, token: world.pointer.token, attempt: keyOf(attempt) }
  return { ...scene, memory: { ...memory, intent } }
}

export const MISTAKES = {
  'an edge that does not follow yet is taken for one that does': {
    pointer: (pointer) => ({
      ...pointer,
      read: async (release, freshness) => {
        const reading = await pointer.read(release, freshness)
        return reading.type === 'Read' ? { ...reading, settled: 'Yes' } : reading
      },
    }),
  },
  'writes are guarded by the newest ETag, and not by the one that was read': {
    tamper:
      ({ etag }) =>
      (request) => ({ ...request, headers: { ...request.headers, 'if-match': etag() } }),
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
} satisfies Record<string, Mistake>
