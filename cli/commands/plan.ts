import { otherColor } from '../../operator/api/names.ts'
import { deletionPolicyOf, type ModelRelease, type Spec, type Status } from '../../operator/api/release.ts'
import { oneLine } from '../../operator/api/text.ts'
import { attemptIdOf, meaningOf, revisionOf } from '../../operator/planner/model/revision.ts'
import { specWarnings } from '../../operator/planner/checks/spec-warnings.ts'
import type { Action, Observation } from '../../operator/planner/model/observation.ts'
import { createCluster } from '../../operator/adapters/kubernetes/cluster.ts'
import { createServicePointer } from '../../operator/adapters/kubernetes/service-pointer.ts'
import type { Place, ReleaseObject } from '../cluster/releases.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import { clockText } from '../follow/time.ts'
import { say, type Io } from '../io.ts'
import { readManifests, type Manifest } from '../manifest.ts'
import { foresee, pointerFrom, type Foreseen } from '../plan/ideal-world.ts'
import { openSession, type Session, type SessionFlags } from '../session.ts'
import { placeOf } from './apply.ts'

export type PlanFlags = SessionFlags & { filename: string[] }

/** What a release would do, before anything of it exists. */
export async function plan(flags: PlanFlags, io: Io): Promise<ExitCode> {
  const session = openSession(flags, io)
  let isRefused = false
  for (const { manifest } of await readManifests(flags.filename, io)) {
    const place = placeOf(manifest, session, flags)
    const before = await session.releases.find(place)
    const after = await proposed(session, place, manifest)
    const foreseen = foresee(await worldOf(session, { before, after }, io.now()))
    for (const line of planLines(before, after, foreseen)) say(io, line)
    isRefused ||= stalledOf(foreseen.status) !== undefined
  }
  return isRefused ? EXIT.notDone : EXIT.done
}

/** The release as the API server would store it; it refuses here what it would refuse then. */
export function proposed({ releases }: Session, place: Place, manifest: Manifest): Promise<ReleaseObject> {
  const { apiVersion, kind, metadata, spec } = manifest
  const object = { apiVersion, kind, metadata: { ...metadata, namespace: place.namespace }, spec }
  return releases.apply(place, object, { manager: 'kubectl', force: true, dryRun: true })
}

/** The cluster as the operator would see it. The pointer is read where it is a Service; otherwise the status tells of it. */
async function worldOf(
  { access }: Session,
  { before, after }: { before: ModelRelease | undefined; after: ModelRelease },
  now: number,
): Promise<Observation> {
  const release = before?.status ? { ...after, status: before.status } : after
  const cluster = createCluster({ transport: access, log: { warn: () => undefined }, now: () => now })
  const [colors, revisions, former, pointer] = await Promise.all([
    cluster.colors(release),
    cluster.revisions(release),
    cluster.formerPointers(release),
    release.spec.traffic.type === 'Service'
      ? createServicePointer(access).read(release)
      : pointerFrom(release.spec, release.status ?? {}),
  ])
  const defaults = { serverImage: "the operator's model server" }
  return {
    now,
    firstReconcile: 'No',
    release,
    colors,
    revisions,
    pointer,
    claim: { type: 'Held' },
    former,
    defaults,
  }
}

function planLines(before: ModelRelease | undefined, after: ModelRelease, foreseen: Foreseen): string[] {
  const { namespace, name } = after.metadata
  const told = changeLines(before, after)
  const stalled = stalledOf(foreseen.status)
  return [
    `${namespace}/${name}: ${told[0] ?? ''}`,
    ...told.slice(1).map((line) => `  ${line}`),
    ...warningLines(after.spec),
    ...(isAttempt(before, after)
      ? foreseen.steps.flatMap(({ step }) => stepText(step) ?? []).map((line) => `  - ${line}`)
      : []),
    ...(stalled === undefined ? [] : [`  REFUSED (${stalled.reason}): ${oneLine(stalled.message)}`]),
    ...(stalled === undefined && isAttempt(before, after) ? timeLines(after.spec, foreseen) : []),
    ...(isAttempt(before, after) ? finalLines(before, after) : []),
  ]
}

function stalledOf({ conditions = [] }: Status): { reason: string; message: string } | undefined {
  return conditions.find(({ type }) => type === 'Stalled')
}

function isAttempt(before: ModelRelease | undefined, after: ModelRelease): boolean {
  return !before || meaningOf(before.spec) !== meaningOf(after.spec)
}

function changeLines(before: ModelRelease | undefined, { spec }: ModelRelease): string[] {
  if (!before) return [`a first release, revision ${revisionOf(spec)}`]
  const running = before.status?.attempt
  const overtaken =
    running && !running.outcome ? [`attempt ${running.id}, which is running, would be superseded`] : []
  if (meaningOf(before.spec) === meaningOf(spec)) {
    const isSame = JSON.stringify(before.spec) === JSON.stringify(spec)
    return [
      isSame
        ? 'nothing would change'
        : 'only settings would change: no pods, no gates, no move of the pointer',
    ]
  }
  if (revisionOf(before.spec) === revisionOf(spec))
    return [
      `the same revision ${revisionOf(spec)}, with other gates or traffic (attempt ${attemptIdOf(spec)})`,
      ...overtaken,
    ]
  return [
    `a new revision, ${revisionOf(spec)} after ${before.status?.liveRevision ?? revisionOf(before.spec)}`,
    ...overtaken,
  ]
}

function warningLines(spec: Spec): string[] {
  return specWarnings(spec).map((line) => `  warning: ${line}`)
}

/** What a step does, in words; undefined for what only keeps the books. */
function stepText(step: Action): string | undefined {
  switch (step.type) {
    case 'RemoveWorkload':
      return `remove the pods of ${step.color}, to make room`
    case 'CreateWorkload':
      return `build ${step.color}: ${step.replicas} pods of revision ${step.stored.revision}`
    case 'ScaleWorkload':
      return `scale ${step.color} to ${step.replicas} pods`
    case 'ApplyColorService':
      return `point the Service of ${step.color} at port ${step.targetPort}`
    case 'RunGates':
      return `ask ${step.gates.length === 0 ? 'no gate (readiness only)' : step.gates.map(({ name }) => name).join(', ')} of ${step.pods.length} pods and through the Service`
    default:
      return trafficText(step)
  }
}

function trafficText(step: Action): string | undefined {
  switch (step.type) {
    case 'MovePointer':
      return step.weight === undefined
        ? `move the pointer to ${step.to} (${step.names === '' ? 'nothing' : step.names})`
        : `lead ${step.weight} % of the clients to ${step.to}`
    case 'MoveFallback':
      return `let the behaviors name ${step.names} as well`
    case 'Verify':
      return `ask ${step.target.name} until ${step.consecutive} answers in a row are of the new revision`
    case 'Invalidate':
      return `remove ${step.paths.join(', ')} from CloudFront's caches`
    default:
      return undefined
  }
}

function timeLines(spec: Spec, { leastMs, waits }: Foreseen): string[] {
  const byReason = new Map<string, number>()
  for (const { reason, ms } of waits) byReason.set(reason, (byReason.get(reason) ?? 0) + ms)
  const parts = [...byReason].map(([reason, ms]) => `${reason} ${clockText(ms)}`)
  const edges = spec.traffic.type === 'Service' ? '' : ', and of the edges to follow'
  return [
    `  takes at least ${clockText(leastMs)}${parts.length === 0 ? '' : ` (${parts.join(', ')})`}, besides the time of pods to become ready${edges}; at most spec.progressDeadlineSeconds (${spec.progressDeadlineSeconds} s) to be ready to switch`,
  ]
}

/** What nobody can take back, and until when the rest can be. */
function finalLines(before: ModelRelease | undefined, { spec }: ModelRelease): string[] {
  const { liveColor } = before?.status ?? {}
  const dies = deletionPolicyOf(spec) === 'Delete'
  return [
    ...lostLines(before?.status ?? {}, spec),
    liveColor
      ? `  can be undone for ${spec.retireAfterSeconds} s after the promotion: ${liveColor} stays warm as long`
      : '  cannot be undone: nothing served before',
    ...(dies ? ['  deleting the release deletes what serves (deletionPolicy Delete)'] : []),
  ]
}

/** The color that undo could return to now, and that is to be replaced. */
function lostLines({ liveColor, colors }: Status, spec: Spec): string[] {
  const warm = liveColor && colors?.[otherColor(liveColor)]
  if (!warm || warm.revision === revisionOf(spec)) return []
  return [
    `  cannot be undone: ${otherColor(liveColor)} (revision ${warm.revision}), which is warm, is replaced, so undo to it ends`,
  ]
}
