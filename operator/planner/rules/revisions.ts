/** The stored revisions themselves: without them nothing that serves can be brought back, and nothing undone. */
import { COLORS, colorName, type Color } from '../../api/names.ts'
import { renderRevision } from '../manifests/children.ts'
import { revisionIn, serviceOwnership, storedOf, type Found, type Scene } from '../context.ts'

/** A stored revision outlives the release exactly when what serves does, and the API server must be able to patch it. */
export function revisionKeptOtherwise(scene: Scene): Found {
  const ownership = serviceOwnership(scene)
  for (const { attempt, kept } of scene.world.revisions) {
    if (kept?.form === 'Old') return { step: { type: 'RenewRevision', attempt, ownership } }
    if (kept && kept.ownership !== ownership)
      return { step: { type: 'SetOwnership', of: 'Revision', attempt, ownership } }
  }
  return undefined
}

/** What the spec asks for is live already, and nothing is stored of it: taken over from a release before, or deleted by hand. */
export function liveUnstored(scene: Scene): Found {
  const { live, memory, world } = scene
  const { attempt } = memory
  if (!live || !attempt || !isRendered(scene, live)) return undefined
  const stored = renderRevision(world.release, attempt, undefined, world.defaults)
  return { step: { type: 'StoreRevision', stored } }
}

/** Whether the color holds what the spec renders, and nothing else says what that is. */
function isRendered(scene: Scene, color: Color): boolean {
  const { attempt } = scene.memory
  const revision = revisionIn(scene, color)
  return attempt?.id === scene.wantedAttempt && revision === attempt.revision && !storedOf(scene, revision)
}

/** Colors that cannot be made again once their Deployment is gone. */
export function unstoredTexts(scene: Scene): string[] {
  const { live, memory, world } = scene
  return COLORS.filter((color) => {
    const { workload } = world.colors[color]
    if (memory.attempt?.builds === color || (!workload && color !== live)) return false
    const revision = revisionIn(scene, color)
    return (
      revision !== undefined && !storedOf(scene, revision) && !(color === live && isRendered(scene, color))
    )
  }).map((color) => {
    const { name, namespace } = world.release.metadata
    return (
      `no ControllerRevision keeps what ${color} renders (revision ${revisionIn(scene, color) ?? ''}): if Deployment ` +
      `${namespace}/${colorName(name, color)} is lost it cannot be made again; apply the spec that rendered it once more, or restore the ControllerRevision`
    )
  })
}
