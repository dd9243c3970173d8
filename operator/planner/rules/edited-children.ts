/** Children that somebody edited: what users depend on is put back where that cannot hurt. */
import { COLORS, colorName, colorSelector, selectorText, type Color } from '../../api/names.ts'
import type { EventRecord } from '../output/events.ts'
import { podTemplateOf, pointerServiceName } from '../manifests/children.ts'
import { originMark } from '../model/pointer-view.ts'
import { serviceOwnership, storedOf, type Decision, type PlanContext } from '../context.ts'
import { templateEdits, type TemplateEdits } from '../manifests/template-edits.ts'
import type { Observation } from '../model/observation.ts'

/** The Service of a color that stands does not lead to it as it should: nobody may reach what is ready. */
export function serviceEdited(context: PlanContext): Decision {
  const { colors, release } = context.observation
  for (const color of COLORS) {
    const { service, workload } = colors[color]
    if (!service?.differs) continue
    return {
      action: {
        type: 'ApplyColorService',
        color,
        targetPort: storedOf(context, workload?.revision)?.port ?? (service.targetPort || release.spec.port),
        origin: service.origin ?? originMark(release.spec, color),
        ownership: serviceOwnership(context),
        differs: `Service ${release.metadata.namespace}/${colorName(release.metadata.name, color)}: ${service.differs}`,
      },
    }
  }
  return undefined
}

/** The pointer Service leads to the live color, and what else of it is not as we made it may keep users from its pods. */
export function pointerEdited(context: PlanContext): Decision {
  const { live, observation } = context
  const { pointer, release } = observation
  if (pointer.type !== 'Read' || pointer.targetPort === undefined || !live) return undefined
  const { port } = storedOf(context, observation.colors[live].workload?.revision) ?? {}
  if (port === undefined) return undefined
  const differs = [
    ...(pointer.differs === undefined ? [] : [pointer.differs]),
    ...(pointer.targetPort === port
      ? []
      : [`spec.ports leads to port ${pointer.targetPort} of the pods instead of ${port}`]),
  ]
  if (differs.length === 0) return undefined
  const name = `Service ${release.metadata.namespace}/${pointerServiceName(release)}`
  return {
    action: {
      type: 'MendPointer',
      token: pointer.token,
      to: live,
      targetPort: port,
      differs: `${name}: ${differs.join(', ')}`,
    },
  }
}

/**
 * What is said of a pointer Service whose selector leads to no color. It is left as it is: somebody may have led users elsewhere
 * on purpose, and knows why.
 */
export function foreignSelectorText({ state, observation }: PlanContext): string | undefined {
  const { pointer, release } = observation
  if (pointer.type !== 'Read' || pointer.foreignSelector === undefined) return undefined
  const { name, namespace } = release.metadata
  const service = pointerServiceName(release)
  const wanted = selectorText(colorSelector(name, state.lastLive ?? 'blue'))
  return (
    `spec.selector of Service ${namespace}/${service}, the pointer, is ${pointer.foreignSelector} and leads to no color: users get answers of other pods, or none; ` +
    `somebody else set it, and it is left as it is; to lead users to ${state.lastLive ?? 'a color'} again: kubectl -n ${namespace} set selector service ${service} ${wanted}`
  )
}

/** Labels by which people and we find the Deployment, and the strategy that keeps its pods while others come. */
export function workloadEdited({ observation: { colors, release } }: PlanContext): Decision {
  for (const color of COLORS) {
    const { workload } = colors[color]
    if (!workload?.differs || workload.leaving === 'Yes') continue
    const { resourceVersion, revision } = workload
    const differs = `Deployment ${release.metadata.namespace}/${colorName(release.metadata.name, color)}: ${workload.differs}`
    return { action: { type: 'MendWorkload', color, revision, resourceVersion, differs } }
  }
  return undefined
}

/** Told each time: whoever edits a child is to learn that it was put back. */
export function mendedOf({ result }: Observation): EventRecord[] {
  if (result?.type !== 'Done' || result.mended === undefined) return []
  return [
    {
      type: 'Warning',
      reason: 'EditUndone',
      message: `${result.mended}: somebody changed it, and it was put back; change the ModelRelease instead`,
    },
  ]
}

/** What others did to the pod template of a color: where it was edited, its pods are not those that were proven. */
function editsOf({ state, observation }: PlanContext, color: Color): TemplateEdits {
  const { workload } = observation.colors[color]
  const stored = storedOf({ state, observation }, workload?.revision)
  if (!workload?.found || !stored) return { edits: [], additions: [] }
  // What was stored after the Deployment was made is not what it was made from.
  const { createdAt: madeAt = Infinity, found, revision } = workload
  const isMadeFrom = observation.revisions.some(
    (one) => one.revision === revision && (one.kept?.createdAt ?? -Infinity) <= madeAt,
  )
  const rendered = podTemplateOf(observation.release.metadata.name, color, stored)
  return templateEdits(rendered, isMadeFrom ? found : { ...found, replaced: 'No' })
}

/** What is said of it; undefined where nobody edited anything. */
export function editText(context: PlanContext, color: Color): string | undefined {
  const { edits } = editsOf(context, color)
  if (edits.length === 0) return undefined
  const { name, namespace } = context.observation.release.metadata
  return (
    `spec.template of Deployment ${namespace}/${colorName(name, color)} was edited: ${edits.join(', ')}; its pods are not those ` +
    `that the gates have proven for revision ${context.observation.colors[color].workload?.revision ?? ''}: set these fields back, or apply the change to the ModelRelease, which proves it first`
  )
}

export function editTexts(context: PlanContext): string[] {
  return COLORS.flatMap((color) => editText(context, color) ?? [])
}

/** What is said of fields that somebody put beside ours; nothing is held against them. */
export function additionTexts(context: PlanContext): string[] {
  const { name, namespace } = context.observation.release.metadata
  return COLORS.flatMap((color) => {
    const { additions } = editsOf(context, color)
    if (additions.length === 0) return []
    return [
      `spec.template of Deployment ${namespace}/${colorName(name, color)} was extended: ${additions.join(', ')}; nothing of the release was changed by it, and its gates have not ` +
        'asked the pods that came with it: what they are to be proven with belongs into the ModelRelease',
    ]
  })
}
