/** What a reconcile sees and what it may do, in our words. Plain data; adapters fill it in and carry it out. */
import type { Color } from '../../api/names.ts'
import {
  distributionOf,
  type Attempt,
  type Expectation,
  type Gate,
  type GateResult,
  type ModelRelease,
  type Request,
  type Spec,
} from '../../api/release.ts'
import type { HeadersOf, SecretKeyRef } from '../checks/credentials.ts'
import type { DistributionFacts } from './distribution.ts'

/** Milliseconds since the epoch. */
export type Instant = number

/** Of a ConfigMap by its name, a hash of each key; `Absent` where there is none. What could not be read is not here. */
export type ConfigReading = Readonly<Record<string, Readonly<Record<string, string>> | 'Absent'>>

/** The pod template as it stands, with who wrote which fields of it besides us. */
export interface TemplateAsFound {
  template: unknown
  /** `fieldsV1` of `spec.template` by the name of the manager, as `metadata.managedFields` has them. */
  writers: readonly { name: string; fields: unknown }[]
  /** Whether it was ever another one since the Deployment was made. A field that was removed has no writer who would show it. */
  replaced: 'Yes' | 'No'
}

/** One pod of a color. */
export interface PodState {
  name: string
  ip?: string
  revision: string
  ready: 'Yes' | 'No' | 'Terminating'
  /** How many containers it has; more than its template names where an admission webhook has added some. */
  containers?: number
  /** How often its containers have been started again. */
  restarts?: number
  /** Of a ready pod: when it became ready or a container of it last started, by its node's clock: good for comparing with itself only. */
  steadySince?: Instant
  /** How long the containers lasted that have ended in it, at most: they may do so again. */
  lastedMs?: number
  /** Of the Deployment that stood in the color before, and goes with it: older than the one of now, which does not count it. */
  former?: 'Yes'
  /** When its node took it, or it was made. */
  startedAt?: Instant
  /** Why it is not ready, as far as its status tells: waiting reason, scheduling message, last termination. */
  trouble?: Trouble
  /** What its readiness probe asks, where that is a GET that can be asked from here as well. */
  probe?: { url: string; headers: { name: string; value: string }[] }
}

/** Why a pod is not ready, or was not made. */
export interface Trouble {
  reason: string
  message: string
  /** The container itself says that no waiting helps. */
  final?: 'Yes'
}

/** Open: pods load what they find. Unread: the operator may not read the object that would say. */
export type PinReading = { type: 'Pinned'; digest: string } | { type: 'Open' | 'Unread' }

/** What stands in one color. */
export interface ColorState {
  /** The Deployment; absent when the color is empty. */
  workload?: {
    uid: string
    resourceVersion: string
    revision: string
    /** Pods wanted by the Deployment's spec. */
    replicas: number
    /** Whether the Deployment's own controller has seen its newest spec. */
    observed: 'Yes' | 'No'
    ownership: 'Owned' | 'Free'
    /** A Deployment that is on its way out still holds the color. */
    leaving: 'Yes' | 'No'
    createdAt?: Instant
    /** Where its pods read a digest when they start; absent where the spec, or nothing, says which bytes they may load. */
    pin?: PinReading
    /** Its pod template, where somebody besides us wrote fields of it, or removed some. */
    found?: TemplateAsFound
    /** What of it that can be put back without a pod noticing is not as we made it: labels, strategy. */
    differs?: string
    /** Why the Deployment could not make its pods (quota, admission), from its ReplicaFailure condition. */
    trouble?: Trouble
  }
  pods: PodState[]
  service?: {
    uid: string
    resourceVersion: string
    address: string
    targetPort: number
    ownership: 'Owned' | 'Free'
    /** What of it is not as we made it, so that users may not reach the color: selector, ports, labels. */
    differs?: string
    /** The pointer's name for this color when the Service was made. */
    origin?: string
  }
  /** The PodDisruptionBudget that we made for the color. */
  budget?: {
    ownership: Ownership
    /** What of it is not as we made it. */
    differs?: string
  }
  /** Budgets of somebody else that select pods of the color. With two budgets the API server refuses every eviction of a pod. */
  otherBudgets?: readonly OtherBudget[]
  /** Why it is not known which budgets there are; empty where that passes by itself. */
  budgetsUnknown?: string
}

/** Both: it counts the pods of either color, so that idle pods make up for serving ones. */
export interface OtherBudget {
  name: string
  counts: 'Color' | 'Both'
}

/** What a revision rendered; kept in a ControllerRevision so that a color is only ever re-applied from it. */
export interface StoredRevision {
  /** The attempt that stored it; its name in the cluster. One revision may be stored by several, with other gates. */
  attempt: string
  revision: string
  /** Hash of its pods that is the same for all the ways to write them; absent where an earlier version stored it. */
  pods?: string
  /** Generation of the spec that it was stored for: of one revision, the newest says which gates are asked. */
  generation: number
  /** A PodTemplateSpec without labels and identity, which depend on the color. */
  template: Record<string, unknown>
  port: number
  gates: Gate[]
  /** Whether the containers answer with identity headers. */
  identity: 'Headers' | 'None'
}

/** A stored revision with the object that keeps it. */
export interface KeptRevision extends StoredRevision {
  kept?: {
    /** Name of the ControllerRevision. */
    name: string
    uid: string
    resourceVersion: string
    ownership: Ownership
    createdAt?: Instant
    /**
     * Old: not written as the API server encodes it, so that it refuses every patch of the object: the garbage collector's
     * as well, which can then never let the release go and leave its children behind.
     */
    form: 'Canonical' | 'Old'
  }
}

/** The pointer as read at one instant. `token` versions it: a write is only accepted while it is unchanged. */
export type PointerReading =
  | {
      type: 'Read'
      token: string
      targets: PointerTarget[]
      origins: string[]
      propagated: 'Yes' | 'No'
      timeoutSeconds: number
      /** Of a pointer that is an object of ours in the cluster. */
      ownership?: Ownership
      /** Of a pointer Service: the port of the pods that it leads to, and what of it is not as we made it, but for where it leads. */
      targetPort?: number
      differs?: string
      /** Of a pointer Service: its selector, where that leads to no color of the release, which is nobody's way to lead users. */
      foreignSelector?: string
      /** Where parts of it lead that are not of this release; a color that is named here serves. */
      elsewhere?: PointerTarget[]
      /** No: it was read a while ago, which is enough to tell, but not to do what cannot be undone. */
      fresh?: 'Yes' | 'No'
      /** Why it could not be read now. Good for telling how things were; nothing that may serve is given up on it. */
      outdated?: { reason: 'PointerUnreachable' | 'AccessDenied'; message: string }
      /** When it is worth reading again though nothing is moving; absent where changes are watched. */
      expiresAt?: Instant
      /** A forward move before this time would come too soon after another one; a return never waits. */
      writableAt?: Instant
      distribution?: DistributionFacts
      /** A share of the clients that the pointer sends elsewhere than the rest; absent when there is none. */
      canary?: CanaryReading
      /** When it will have propagated, where nobody says so and time alone tells. */
      propagatesAt?: Instant
      /** Where users go while the pointer decides nothing for them: what the behaviors themselves name. */
      fallback?: Fallback
      /** Why nobody should be brought forward by it: it is not seen to be followed. Whatever goes back goes back all the same. */
      unfit?: {
        reason: 'FunctionNotAssociated' | 'FunctionFails' | 'AccessDenied' | 'PointerUnreachable'
        message: string
      }
      /** Why it is not known whether what follows the pointer runs at all. */
      untested?: string
    }
  | { type: 'Absent' }
  | { type: 'Unusable'; reason: PointerTrouble; message: string }
  | { type: 'Unreachable'; message: string }

/** What one part of the pointer names: a behavior's origin id, or the color in a Service's selector. */
export interface PointerTarget {
  part: string
  names: string
  /** Id of the origin group that the part names, of which `names` is a member. */
  group?: string
}

export interface CanaryReading {
  /** Origin that the share is sent to, whether it is of this release or not. */
  names: string
  /** Percent of the clients. */
  weight: number
  /** Which clients these are: the salt of the attempt, and the header that a client is recognized by. */
  salt?: string
  header?: string
}

/**
 * The TargetOriginIds of the declared behaviors of a distribution whose function reads a key. An edge follows them while
 * the function cannot read the key, so the color that they name serves.
 */
export interface Fallback {
  /** ETag of the distribution. */
  token: string
  /** Every declared behavior; while edges may still follow an earlier configuration, what that names as well. */
  targets: PointerTarget[]
  /** Whether every edge has this configuration. */
  propagated: 'Yes' | 'No'
  /** A write before this time would come too soon after another one. */
  writableAt?: Instant
}

export type PointerTrouble =
  | 'InvalidSpec'
  | 'DistributionNotFound'
  | 'DistributionDisabled'
  | 'BehaviorNotFound'
  | 'AccessDenied'
  | 'NotAllowed'
  | 'ServiceNotOurs'
  | 'UnsafeUpdate'
  | 'StoreNotFound'
  | 'FunctionNotAssociated'

/** Whether this release may move the parts of the pointer that it names. */
export type ClaimReading = { type: 'Held' } | { type: 'Free' } | { type: 'Taken'; part: string; by: string }

/** One answer as it came back, or why none came. */
export type ProbeAnswer =
  | {
      type: 'Answered'
      status: number
      headers: Record<string, string>
      body: string
      latencyMs: number
    }
  | { type: 'NoAnswer'; message: string }

/** A pointer Service of the release under a name that the spec does not give any more; users of that name are still there. */
export interface FormerPointer {
  name: string
  uid: string
  resourceVersion: string
  /** The color that it leads to. */
  color: Color
}

/** Everything that a decision is made on. */
export interface Observation {
  now: Instant
  /** First look at this release since the operator started: nothing may be judged overdue yet. */
  firstReconcile: 'Yes' | 'No'
  release: ModelRelease
  colors: Record<Color, ColorState>
  revisions: KeptRevision[]
  pointer: PointerReading
  claim: ClaimReading
  former?: readonly FormerPointer[]
  /** What the ConfigMaps hold that the revisions in the colors name. */
  config?: ConfigReading
  defaults: { serverImage: string }
  /** Actions that failed lately for a reason that may pass. */
  failing?: readonly FailingAction[]
  /** What keeps something serving and was refused in this reconcile, while it went on with something else. */
  refused?: Refusal
  /** What the action of this reconcile did; absent while it is still to be decided. */
  result?: ActionResult
}

/** The world refused an action, for a reason that only a person changes. */
export interface Refusal {
  type: 'Refused'
  action: Action['type']
  reason: string
  message: string
}

/** An action that failed for a reason that may pass; it is left alone until it is tried again. */
export interface FailingAction {
  /** The rule that wanted it. */
  rule: string
  action: Action['type']
  /** The color that it is about, where it is about one. */
  color?: Color
  message: string
  /** How often it has failed in a row. */
  failures: number
  retryAt: Instant
  /** It fails in that somebody else undoes it whenever it was done. */
  undone?: 'Yes'
  /** It was done by the last reconcile that tried it: wanted just the same by the next one, it was undone. */
  done?: Action
}

/** Whom a gate or a verification asks. */
export interface Target {
  /** Pod name, `Service <name>`, or a URL. */
  name: string
  /** `http://host:port` without a path. */
  origin: string
  /** Something stands between, and may answer in the place of the pods. */
  through?: 'LoadBalancer'
  /** Put before every path. */
  path?: string
  /** Sent with every request, in the place of its own of the same name; their values are secrets. */
  headers?: { name: string; value: string }[]
}

/** What the reconcile does to the world; at most one. */
export type Action =
  | { type: 'TakeClaim' }
  | { type: 'StoreRevision'; stored: StoredRevision }
  /** With `pinOf`, the pin of this revision as well: nothing else is stored of it. */
  | { type: 'ForgetRevision'; attempt: string; pinOf?: string }
  /** Pods of the revision that start from now on load this digest (lower-case hex) and nothing else. */
  | { type: 'PinDigest'; revision: string; digest: string; ownership: Ownership }
  /** Stores it once more, as the API server encodes it, and only then removes the old object. */
  | { type: 'RenewRevision'; attempt: string; ownership: Ownership }
  | { type: 'CreateWorkload'; color: Color; stored: StoredRevision; replicas: number; ownership: Ownership }
  | { type: 'ScaleWorkload'; color: Color; replicas: number; resourceVersion: string }
  /** Puts labels and strategy back; `differs` is what was not as we made it. */
  | { type: 'MendWorkload'; color: Color; revision: string; resourceVersion: string; differs: string }
  | { type: 'RemoveWorkload'; color: Color; uid: string; resourceVersion: string }
  | {
      type: 'ApplyColorService'
      color: Color
      targetPort: number
      origin: string
      ownership: Ownership
      /** What somebody had changed of it. */
      differs?: string
    }
  /** Makes the disruption budget of a color, or puts it back; `differs` is what somebody had changed of it. */
  | { type: 'ApplyBudget'; color: Color; ownership: Ownership; differs?: string }
  | { type: 'RemoveBudget'; color: Color }
  | { type: 'SetOwnership'; of: 'Deployment' | 'Service'; color: Color; ownership: Ownership }
  | { type: 'SetOwnership'; of: 'Pointer'; ownership: Ownership }
  | { type: 'SetOwnership'; of: 'Revision'; attempt: string; ownership: Ownership }
  | {
      type: 'RunGates'
      key: string
      gates: Gate[]
      pods: Target[]
      service: Target
      origin?: Target
      expectRevision?: string
      /** Each pod is asked which model it has loaded, even where no gate's answer says. */
      digest?: 'Asked'
      /** What users will be asked for after the move, as a gate, and a pod of the revision that is live. */
      afterMove?: { gate: Gate; live: Target }
      /** Headers with credentials that users' answers will be asked for with after the move: without them nobody is led there. */
      credentialsAfterMove?: HeadersOf
      /** Of a return, which waits for nobody else's gates. Default: Forward. */
      direction?: Attempt['direction']
    }
  | {
      type: 'MovePointer'
      /** `adopted`: the foreign origin that the pointer was taken over from. */
      to: Color | 'adopted'
      /** Empty: the pointer shall decide nothing any more (a key is deleted). */
      names: string
      token: string
      targetPort: number
      /** A move Back never waits for its turn. Default: Forward. */
      direction?: Attempt['direction']
      /** Only this share of the clients, in percent, goes to `names`; the rest goes to `live`. */
      weight?: number
      /** With `weight`: what the rest of the clients goes to, as before. */
      live?: string
      /** With `weight`: the same for all steps of an attempt, so that who is in at 10 % is in at 50 %. */
      salt?: string
      /** With `weight`: the header that a client is recognized by; absent: by its address. */
      clientHeader?: string
    }
  /** Puts ports, labels and what else of a pointer Service back; it goes on leading to the same color. */
  | { type: 'MendPointer'; token: string; to: Color; targetPort: number; differs: string }
  | { type: 'MoveFormer'; name: string; uid: string; resourceVersion: string; to: Color; targetPort: number }
  | { type: 'MoveFallback'; parts: readonly string[]; names: string; token: string }
  | {
      type: 'Verify'
      target: Target
      /** Where the request stands in the spec. */
      field: string
      request: Request
      expect?: Expectation
      consecutive: number
      revision: string
      /** Whether the revision's containers answer with identity headers, so that an answer without them is not theirs. */
      identity: StoredRevision['identity']
    }
  | { type: 'Invalidate'; reference: string; paths: readonly string[] }
  | {
      type: 'CollectLogs'
      color: Color
      revision: string
      /** What the pods were asked with, which nobody may read in what they wrote. */
      credentials?: readonly SecretKeyRef[]
    }

export type Ownership = 'Owned' | 'Free'

/** What an action brought back. An action that failed for a reason worth trying again throws instead. */
export type ActionResult =
  | {
      type: 'Done'
      action: Exclude<Action['type'], 'RunGates' | 'Verify' | 'Invalidate' | 'CollectLogs'>
      /** What somebody had changed, and what was put back by the action. */
      mended?: string
    }
  | {
      type: 'GatesRan'
      key: string
      pods: string[]
      results: GateResult[]
      digest?: string
      /** A Secret that they need could not be read: nothing was asked. */
      unasked?: 'Yes'
    }
  /** Not all answers of a RunGates or Verify have come yet; whoever asks for the same again goes on waiting for them. */
  | { type: 'Asking' }
  | { type: 'Verified'; result: VerifyResult }
  | { type: 'Invalidated'; reference: string }
  | { type: 'LogsCollected'; logs: string }
  | Refusal

/** Old: an edge still answers from another revision. Unknown: no proof either way. */
export type VerifyResult =
  | { type: 'New' }
  | { type: 'Old'; message: string }
  | { type: 'Wrong'; message: string }
  | { type: 'Unknown'; message: string }

/** What the pointer calls a color: the id of its origin, or the color itself in a Service's selector. */
export function originName(spec: Spec, color: Color): string {
  return distributionOf(spec)?.origins[color] ?? color
}
