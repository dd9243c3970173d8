/** The stored revisions themselves: without them nothing that serves can be brought back, and nothing undone. */
import { COLORS, colorName, type Color } from '../../api/names.ts'
import { renderRevision } from '../manifests/children.ts'
import { revisionIn, serviceOwnership, storedOf, type Decision, type PlanContext } from '../context.ts'

/** A stored revision outlives the release exactly when what serves does, and the API server must be able to patch it. */
export function revisionKeptOtherwise(context: PlanContext): Decision {
  const ownership = serviceOwnership(context)
  for (const { attempt, kept } of context.observation.revisions) {
    if (kept?.form === 'Old') return { action: { type: 'RenewRevision', attempt, ownership } }
    if (kept && kept.ownership !== ownership)
      return { action: { type: 'SetOwnership', of: 'Revision', attempt, ownership } }
  }
  return undefined
}

/** What the spec asks for is live already, and nothing is stored of it: taken over from a release before, or deleted by hand. */
export function liveUnstored(context: PlanContext): Decision {
  const { live, state, observation } = context
  const { attempt } = state
  if (!live || !attempt || !isRendered(context, live)) return undefined
  const stored = renderRevision(observation.release, attempt, undefined, observation.defaults)
  return { action: { type: 'StoreRevision', stored } }
}

/** Whether the color holds what the spec renders, and nothing else says what that is. */
function isRendered(context: PlanContext, color: Color): boolean {
  const { attempt } = context.state
  const revision = revisionIn(context, color)
  return (
    attempt?.id === context.wantedAttempt && revision === attempt.revision && !storedOf(context, revision)
  )
}

/** Colors that cannot be made again once their Deployment is gone. */
export function unstoredTexts(context: PlanContext): string[] {
  const { live, state, observation } = context
  return COLORS.filter((color) => {
    const { workload } = observation.colors[color]
    if (state.attempt?.builds === color || (!workload && color !== live)) return false
    const revision = revisionIn(context, color)
    return (
      revision !== undefined &&
      !storedOf(context, revision) &&
      !(color === live && isRendered(context, color))
    )
  }).map((color) => {
    const { name, namespace } = observation.release.metadata
    return (
      `no ControllerRevision keeps what ${color} renders (revision ${revisionIn(context, color) ?? ''}): if Deployment ` +
      `${namespace}/${colorName(name, color)} is lost it cannot be made again; apply the spec that rendered it once more, or restore the ControllerRevision`
    )
  })
}
