/** A pointer Service that got another name, or gave way to another kind of pointer: its users move when they get around to it. */
import type { FormerPointer } from './observation.ts'
import { runningAttempt, storedOf, type Found, type Scene } from '../context.ts'
import { settling } from '../rules/verify.ts'

/** It follows to what is live, once users are proven to be answered there, and never to a candidate. */
export function formerPointerBehind(scene: Scene): Found {
  const { live, memory, world } = scene
  const behind = world.former?.find(({ color }) => color !== live)
  if (!live || !behind || settling(scene) || runningAttempt(scene)?.direction === 'Back') return undefined
  const revision = world.colors[live].workload?.revision
  const stored = storedOf(scene, revision)
  // A new pointer may name a color by chance: nobody follows it before users were seen to be answered there.
  if (!stored || memory.verified !== revision) return undefined
  const { name, uid, resourceVersion } = behind
  return { step: { type: 'MoveFormer', name, uid, resourceVersion, to: live, targetPort: stored.port } }
}

export function formerTexts({ world: { former = [], release } }: Scene): string[] {
  return former.map(
    ({ name }: FormerPointer) =>
      `Service ${release.metadata.namespace}/${name} was the pointer before spec.traffic was changed: it follows what is live for as long as it stands, so that whoever still calls it is answered; have its users call the pointer of now`,
  )
}
