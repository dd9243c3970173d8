/** The outside worlds, each behind a few verbs in our words. Reads are live, never from a cache. */
import type { Color } from '../api/names.ts'
import type { ModelRelease, Status } from '../api/release.ts'
import type { ConfigReading } from '../planner/model/observation.ts'
import type { Happening } from '../planner/output/events.ts'
import type {
  Answer,
  ClaimReading,
  ColorState,
  Did,
  FormerPointer,
  KeptRevision,
  PointerReading,
  Step,
} from '../planner/model/observation.ts'

/**
 * Whom a request is meant for. Candidate: a pod or Service of the release, at the address that the cluster gave it. Named:
 * what a name of the spec or of a distribution leads to.
 */
export type Asked = 'Candidate' | 'Named'

/** Key of a release: what the queue carries. */
export type Key = { namespace: string; name: string }

type StepOf<T extends Step['type']> = Extract<Step, { type: T }>

/**
 * The Kubernetes API. Every write carries a precondition (create, or uid and resourceVersion).
 * Throws ConflictError (409: changed, or already there), TransientError (429, 5xx, network, timeouts), RefusedError with
 * reason InvalidSpec (422, admission said no) or AccessDenied (403).
 */
export interface Cluster {
  /** The release, or undefined when it is gone. */
  release(key: Key): Promise<ModelRelease | undefined>
  /** Deployment, pods, color Service and disruption budget of both colors, read at one time, by labels and by the names that we give. */
  colors(release: ModelRelease): Promise<Record<Color, ColorState>>
  revisions(release: ModelRelease): Promise<KeptRevision[]>
  /** What these ConfigMaps hold, as hashes; what cannot be read is left out, and no error. */
  config(release: ModelRelease, names: readonly string[]): Promise<ConfigReading>
  /** Services of ours that led users before the spec named another pointer, as far as they lead to a color. */
  formerPointers(release: ModelRelease): Promise<FormerPointer[]>
  /** Puts ports and labels of the pointer Service back, if it is still the one that was read; it leads where it led. */
  mendPointer(release: ModelRelease, step: StepOf<'MendPointer'>): Promise<void>
  /** Has such a Service lead to another color. */
  moveFormer(release: ModelRelease, step: StepOf<'MoveFormer'>): Promise<void>
  /** Asks the API server to check every child of this revision, creating nothing; then stores the revision. */
  storeRevision(release: ModelRelease, step: StepOf<'StoreRevision'>): Promise<void>
  /** Makes the pin of a revision; one that says the same already is as good. */
  pinDigest(release: ModelRelease, step: StepOf<'PinDigest'>): Promise<void>
  forgetRevision(release: ModelRelease, step: StepOf<'ForgetRevision'>): Promise<void>
  createWorkload(release: ModelRelease, step: StepOf<'CreateWorkload'>): Promise<void>
  scaleWorkload(release: ModelRelease, step: StepOf<'ScaleWorkload'>): Promise<void>
  /** Puts labels and strategy of a Deployment back; touches no pod. */
  mendWorkload(release: ModelRelease, step: StepOf<'MendWorkload'>): Promise<void>
  /** Deletes a Deployment; its pods end gracefully. */
  removeWorkload(release: ModelRelease, step: StepOf<'RemoveWorkload'>): Promise<void>
  /** Stores a revision anew under another name and then removes the old object; whatever comes in between, one of them stands. */
  renewRevision(release: ModelRelease, step: StepOf<'RenewRevision'>): Promise<void>
  /** Creates the color Service, or mends selector, ports, labels and ownership of ours. */
  applyColorService(release: ModelRelease, step: StepOf<'ApplyColorService'>): Promise<void>
  /** Creates the disruption budget of a color, or puts ours back. */
  applyBudget(release: ModelRelease, step: StepOf<'ApplyBudget'>): Promise<void>
  /** Removes ours, if it is there. */
  removeBudget(release: ModelRelease, step: StepOf<'RemoveBudget'>): Promise<void>
  /** Adds or removes the ownerReference on the Deployment or the Service of a color; touches no pod. */
  setOwnership(release: ModelRelease, step: StepOf<'SetOwnership'>): Promise<void>
  /** Last lines and termination state of the pods of a revision in a color, at most 2 KiB; never throws for a pod that has no logs. */
  logs(release: ModelRelease, step: StepOf<'CollectLogs'>): Promise<string>
  /** Replaces the status if nobody changed the release since it was read; gives the version that the release has since. */
  writeStatus(release: ModelRelease, status: Status): Promise<string>
  record(release: ModelRelease, happening: Happening): Promise<void>
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
   * Returns once the change was accepted; `read` tells when it is settled.
   * Throws ConflictError (changed meanwhile, look again), TransientError (throttled, 5xx, timeout: it may or may not have happened), RefusedError.
   */
  move(release: ModelRelease, step: StepOf<'MovePointer'>): Promise<void>
  /**
   * Makes these behaviors of the distribution name what the pointer names, accepted only while the distribution is
   * still what `step.token` was read from. Absent where there is nothing besides the pointer. Throws as `move`.
   */
  moveFallback?(release: ModelRelease, step: StepOf<'MoveFallback'>): Promise<void>
  /** Has the caches in front of it forget paths; the same reference twice is one invalidation. Absent where nothing caches. Throws as `move`. */
  invalidate?(release: ModelRelease, step: StepOf<'Invalidate'>): Promise<void>
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
export type Ask = (request: {
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
}) => Promise<Answer>

type DidOf<T extends Did['type']> = Extract<Did, { type: T }>

/** Proofs by real requests. A prober that works between the passes answers Asking until it has all answers. */
export interface Prober<Meanwhile = DidOf<'Asking'>> {
  runGates(step: StepOf<'RunGates'>): Promise<DidOf<'GatesRan'> | Meanwhile>
  verify(step: StepOf<'Verify'>): Promise<DidOf<'Verified'> | Meanwhile>
}

/** Adds to what is seen of pods what they say themselves. Never waits: what is asked now is told in a later pass. */
export interface SelfReports {
  told(key: Key, colors: Record<Color, ColorState>): Record<Color, ColorState>
}
