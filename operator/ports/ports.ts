/** The outside worlds, each behind a few verbs in our words. Reads are live, never from a cache. */
import type { Color } from '../api/names.ts'
import type { ModelRelease, Status } from '../api/release.ts'
import type { ConfigReading } from '../planner/model/observation.ts'
import type { EventRecord } from '../planner/output/events.ts'
import type {
  ProbeAnswer,
  ClaimReading,
  ColorState,
  ActionResult,
  FormerPointer,
  KeptRevision,
  PointerReading,
  Action,
} from '../planner/model/observation.ts'

/**
 * Whom a request is meant for. Candidate: a pod or Service of the release, at the address that the cluster gave it. Named:
 * what a name of the spec or of a distribution leads to.
 */
export type Asked = 'Candidate' | 'Named'

/** Key of a release: what the queue carries. */
export type NamespacedName = { namespace: string; name: string }

type ActionOf<T extends Action['type']> = Extract<Action, { type: T }>

/**
 * The Kubernetes API. Every write carries a precondition (create, or uid and resourceVersion).
 * Throws ConflictError (409: changed, or already there), TransientError (429, 5xx, network, timeouts), RefusedError with
 * reason InvalidSpec (422, admission said no) or AccessDenied (403).
 */
export interface Cluster {
  /** The release, or undefined when it is gone. */
  release(key: NamespacedName): Promise<ModelRelease | undefined>
  /** Deployment, pods, color Service and disruption budget of both colors, read at one time, by labels and by the names that we give. */
  colors(release: ModelRelease): Promise<Record<Color, ColorState>>
  revisions(release: ModelRelease): Promise<KeptRevision[]>
  /** What these ConfigMaps hold, as hashes; what cannot be read is left out, and no error. */
  config(release: ModelRelease, names: readonly string[]): Promise<ConfigReading>
  /** Services of ours that led users before the spec named another pointer, as far as they lead to a color. */
  formerPointers(release: ModelRelease): Promise<FormerPointer[]>
  /** Puts ports and labels of the pointer Service back, if it is still the one that was read; it leads where it led. */
  mendPointer(release: ModelRelease, action: ActionOf<'MendPointer'>): Promise<void>
  /** Has such a Service lead to another color. */
  moveFormer(release: ModelRelease, action: ActionOf<'MoveFormer'>): Promise<void>
  /** Asks the API server to check every child of this revision, creating nothing; then stores the revision. */
  storeRevision(release: ModelRelease, action: ActionOf<'StoreRevision'>): Promise<void>
  /** Makes the pin of a revision; one that says the same already is as good. */
  pinDigest(release: ModelRelease, action: ActionOf<'PinDigest'>): Promise<void>
  forgetRevision(release: ModelRelease, action: ActionOf<'ForgetRevision'>): Promise<void>
  createWorkload(release: ModelRelease, action: ActionOf<'CreateWorkload'>): Promise<void>
  scaleWorkload(release: ModelRelease, action: ActionOf<'ScaleWorkload'>): Promise<void>
  /** Puts labels and strategy of a Deployment back; touches no pod. */
  mendWorkload(release: ModelRelease, action: ActionOf<'MendWorkload'>): Promise<void>
  /** Deletes a Deployment; its pods end gracefully. */
  removeWorkload(release: ModelRelease, action: ActionOf<'RemoveWorkload'>): Promise<void>
  /** Stores a revision anew under another name and then removes the old object; whatever comes in between, one of them stands. */
  renewRevision(release: ModelRelease, action: ActionOf<'RenewRevision'>): Promise<void>
  /** Creates the color Service, or mends selector, ports, labels and ownership of ours. */
  applyColorService(release: ModelRelease, action: ActionOf<'ApplyColorService'>): Promise<void>
  /** Creates the disruption budget of a color, or puts ours back. */
  applyBudget(release: ModelRelease, action: ActionOf<'ApplyBudget'>): Promise<void>
  /** Removes ours, if it is there. */
  removeBudget(release: ModelRelease, action: ActionOf<'RemoveBudget'>): Promise<void>
  /** Adds or removes the ownerReference on the Deployment or the Service of a color; touches no pod. */
  setOwnership(release: ModelRelease, action: ActionOf<'SetOwnership'>): Promise<void>
  /** Last lines and termination state of the pods of a revision in a color, at most 2 KiB; never throws for a pod that has no logs. */
  logs(release: ModelRelease, action: ActionOf<'CollectLogs'>): Promise<string>
  /** Replaces the status if nobody changed the release since it was read; gives the version that the release has since. */
  writeStatus(release: ModelRelease, status: Status): Promise<string>
  record(release: ModelRelease, happening: EventRecord): Promise<void>
}

/** What decides where users go: a Service's selector or a distribution's TargetOriginIds. */
export interface Pointer {
  /**
   * Never throws for an answer of the other side: trouble is a reading. May give what was read a while ago, as old as the
   * release can bear in the state that it is in; `Live` asks the other side now.
   */
  read(release: ModelRelease, freshness?: 'Live'): Promise<PointerReading>
  /**
   * Makes the pointer name `to`. Accepted only while the pointer is still what `step.token` was read from.
   * Returns once the change was accepted; `read` tells when it is propagated.
   * Throws ConflictError (changed meanwhile, look again), TransientError (throttled, 5xx, timeout: it may or may not have happened), RefusedError.
   */
  move(release: ModelRelease, action: ActionOf<'MovePointer'>): Promise<void>
  /**
   * Makes these behaviors of the distribution name what the pointer names, accepted only while the distribution is
   * still what `step.token` was read from. Absent where there is nothing besides the pointer. Throws as `move`.
   */
  moveFallback?(release: ModelRelease, action: ActionOf<'MoveFallback'>): Promise<void>
  /** Has the caches in front of it forget paths; the same reference twice is one invalidation. Absent where nothing caches. Throws as `move`. */
  invalidate?(release: ModelRelease, action: ActionOf<'Invalidate'>): Promise<void>
}

/** One claim per part of a pointer, across all namespaces, so that two releases never fight over it. */
export interface Claims {
  read(release: ModelRelease): Promise<ClaimReading>
  /** Takes every free part; RefusedError `BehaviorClaimed` names the release that holds one. */
  take(release: ModelRelease): Promise<void>
  /** Removes the claims that nobody has any more: whoever may write releases could fill the cluster with them. */
  sweep?(): Promise<void>
}

/** Sends one request and says what came back; never throws, never follows a redirect. */
export type HttpProbe = (request: {
  url: string
  method: string
  headers: Record<string, string>
  body?: string
  /** Until the last byte of the answer. */
  timeoutMs: number
  /** Decides which addresses may be asked; see addresses.ts. */
  to: Asked
  /** How much of the body is wanted: more is left unread. Without it, a body that is too long is no answer. */
  readBytes?: number
  /** Ends the wait: nobody needs the answer any more. */
  signal?: AbortSignal
}) => Promise<ProbeAnswer>

type ResultOf<T extends ActionResult['type']> = Extract<ActionResult, { type: T }>

/** Proofs by real requests. A prober that works between the reconciles answers Asking until it has all answers. */
export interface Prober<Meanwhile = ResultOf<'Asking'>> {
  runGates(action: ActionOf<'RunGates'>): Promise<ResultOf<'GatesRan'> | Meanwhile>
  verify(action: ActionOf<'Verify'>): Promise<ResultOf<'Verified'> | Meanwhile>
}

/** Adds to what is seen of pods what they say themselves. Never waits: what is asked now is told in a later reconcile. */
export interface SelfReports {
  told(key: NamespacedName, colors: Record<Color, ColorState>): Record<Color, ColorState>
}
