/**
 * A world that behaves: pods become ready after a while, edges follow the pointer one by one, answers come from whatever
 * stands behind them. Time is virtual; every write can be made to crash the operator or to meet a conflict.
 */
import { createHash } from 'node:crypto'
import { COLORS, IDENTITY_HEADER, SERVICE_PORT, colorName, type Color } from '../../api/names.ts'
import {
  deletionPolicyOf,
  distributionOf,
  keyValueStoreOf,
  type KeyValueStore,
  type ModelRelease,
  type Spec,
  type Status,
} from '../../api/release.ts'
import type { EventRecord } from '../../planner/output/events.ts'
import type { TemplateAsFound } from '../../planner/model/observation.ts'
import type { DistributionFacts } from '../../planner/model/distribution.ts'
import { pinReadBy, pointerServiceName } from '../../planner/manifests/children.ts'
import type {
  ProbeAnswer,
  CanaryReading,
  ClaimReading,
  ColorState,
  Fallback,
  FormerPointer,
  KeptRevision,
  OtherBudget,
  Ownership,
  PinReading,
  PodState,
  PointerReading,
  Action,
  StoredRevision,
  Trouble,
} from '../../planner/model/observation.ts'
import type { ConfigReading } from '../../planner/model/observation.ts'
import { referringIn } from '../../planner/checks/credentials.ts'
import { ASIDE_RETRY_MS } from '../../planner/model/timing.ts'
import { credentialProblem, type ReadSecret } from '../../adapters/http/credentials.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'
import type { HttpProbe, Claims, Cluster, Pointer } from '../../ports/ports.ts'

type StepOf<T extends Action['type']> = Extract<Action, { type: T }>

/** What the containers of a revision do; told by the model's uri or the image's name, as a user would choose them. */
export type Behavior =
  | 'right'
  | 'wrong'
  | 'crashing'
  /** Becomes ready, and its container ends after six seconds, again and again. */
  | 'dying'
  /** A second container without a probe ends after two seconds, again and again. */
  | 'with-a-sidecar-that-ends'
  | 'refused'
  | 'no-image'
  | 'broken-through-edges'
  | 'lost-through-edges'
  | 'impostor'

export class CrashError extends Error {
  override readonly name = 'CrashError'
}

export interface Fault {
  /** Which write, counted from 0 over the whole life of the world. */
  atWrite: number
  kind: FaultKind
}

/** `lost answer`: it happened, but the operator is told that it may not have. */
export type FaultKind = 'crash before' | 'crash after' | 'conflict' | 'lost answer'
export const FAULT_KINDS: readonly FaultKind[] = ['crash before', 'crash after', 'conflict', 'lost answer']

/** Kinds of objects whose writes can fail. */
export type Kind = 'Deployment' | 'Service' | 'ControllerRevision' | 'PodDisruptionBudget'

/** What a write is about to do, for invariants that hold at the instant of a write. */
export type Seen =
  | { type: 'Scale'; color: Color; from: number; to: number }
  | { type: 'Remove'; color: Color }
  | { type: 'Move'; to: Color | 'adopted'; names: string; token: string }
  | { type: 'Fallback'; names: string }
  | { type: 'Status'; status: Status }
  | { type: 'Invalidate' }

export interface PointerState {
  /** Of a pointer Service. */
  ownership?: Ownership
  targetPort?: number
  /** Its ports, or what else of it, were changed: nobody is led to any pod by it. */
  differs?: string
  kind: Spec['traffic']['type']
  /** What it names per part, and what each edge follows and when. Of a key: what it holds, with the share under `SHARE`. */
  targets: Record<string, string>
  version: number
  edges: Record<string, string>[]
  due: { at: number; edge: number; targets: Record<string, string> }[]
  /** Of a key: which clients its share is made of, where the operator has written it. */
  shareOf?: { salt?: string; header?: string }
  /** Of a key: when it was written last. */
  writtenAt?: number
}

interface Deployment {
  uid: string
  resourceVersion: number
  stored: StoredRevision
  replicas: number
  ownership: Ownership
  /** What somebody set the container's image to. */
  image?: string
  /** Whether somebody took variables from the container, or put one more there. */
  variables?: 'Fewer' | 'More'
  /** Labels or strategy that somebody changed. */
  differs?: string
  /** Deleted in the foreground: it is there until its pods have ended. */
  leaving?: 'Yes'
}

export interface Pod {
  name: string
  ip: string
  color: Color
  stored: StoredRevision
  startedAt: number
  readyAt: number
  /** Set when the pod was told to end; it is gone at that time. */
  goneAt?: number
  /** When one of its containers ends by itself, to be started again after a while. */
  fallsAt?: number
  restarts: number
  sick?: 'Yes' | undefined
  /** Ready, but answering wrong from now on. */
  mad?: 'Yes' | undefined
  /** The file that it found at the model's uri when it started, and the digest that it had to have, if any. */
  file: string
  wants?: string | undefined
}

/** What keeps pods from ever being ready, and what is seen of it. */
const TROUBLES: Partial<Record<Behavior, Trouble>> = {
  crashing: { reason: 'CrashLoopBackOff', message: 'exited with code 2' },
  refused: {
    reason: 'NotReady',
    message: "the model's sha256 is 5c, MODEL_SHA256 wants ff",
    final: 'Yes',
  },
  'no-image': { reason: 'ErrImagePull', message: 'failed to resolve reference "r.example/web:2": not found' },
}

const READY_AFTER_MS = 2000
const GONE_AFTER_MS = 1000
/** How long a container waits before it is started again, the first time: then twice as long, and so on. */
const BACKOFF_MS = 10_000
const LONGEST_BACKOFF_MS = 300_000
/** How long containers last that end by themselves. */
const LASTS_MS: Partial<Record<Behavior, number>> = { dying: 6000, 'with-a-sidecar-that-ends': 2000 }
const EDGE_DELAYS_MS = [1000, 3000, 6000]
/** A key is everywhere within seconds; nobody says when, so that time is waited which is surely enough. */
const KEY_DELAYS_MS = [200, 700, 1500]
const KEY_PROPAGATION_MS = 60_000
const KEY = 'key housing'
/** The part of a key's value that a share of the clients follows: its weight stands in front. */
const SHARE = ` % of ${KEY}`
export const STORE_ARN =
  'arn:aws:cloudfront::123456789012:key-value-store/a1b2c3d4-5678-90ab-cdef-0123456789ab'
/** The answer of a housing model to the known house, by its version. */
const PREDICTION: Record<string, number> = { '1': 30.72, '2': 26.93, '3': 21.1 }
const WRONG_PREDICTION = 99

type PointerBlindness = NonNullable<Extract<PointerReading, { type: 'Read' }>['outdated']>

export interface SimulationOptions {
  spec: Spec
  fault?: Fault
  /** The address of a pod, by its name; without it a pod can only be asked by `ask`. */
  addressOf?: (pod: string) => string
}

export class SimulatedWorld implements Cluster {
  now = Date.parse('2026-01-01T00:00:00Z')
  generation = 1
  spec: Spec
  status: Status | undefined
  annotations: Record<string, string> = {}
  /** Everything written, in order, for counting and for assertions. */
  readonly writes: string[] = []
  readonly happenings: EventRecord[] = []
  readonly deployments: Partial<Record<Color, Deployment>> = {}
  readonly services: Partial<
    Record<Color, { targetPort: number; origin: string; ownership: Ownership; differs?: string }>
  > = {}
  readonly budgets: Partial<Record<Color, { ownership: Ownership; differs?: string }>> = {}
  /** Somebody's own budget, which selects the pods of each color that stands. */
  otherBudget: OtherBudget | undefined
  /** Why the operator may not read budgets. */
  budgetsUnknown: string | undefined
  /** While set, the cluster refuses to make or change a budget, and says so. */
  budgetRefused: string | undefined
  private budgetsTriedAgainBy = -Infinity
  /** While set, nodes are drained one after another: pods that are older must go, as far as the budgets allow. */
  drainedSince: number | undefined
  pods: Pod[] = []
  stored: KeptRevision[] = []
  /** Every pointer that the release ever named: users of an old one do not leave because the spec does. */
  readonly pointers = new Map<string, PointerState>()
  /** While set, reading the pointer gives this. */
  pointerTrouble: PointerReading | undefined
  /** While set, the pointer cannot be read; what was read before is told instead. */
  pointerBlind: PointerBlindness | undefined
  /** Why the key is not seen to be followed, if it is not. */
  unfit: Extract<PointerReading, { type: 'Read' }>['unfit']
  /** Yes: the pointer is only read anew where it is asked for live. Rarely: as the keeper of a distribution does it. */
  pointerKept: 'Yes' | 'Rarely' | 'No' = 'No'
  private readAt = -Infinity
  private lastReading: PointerReading | undefined
  /** While set, a forward move keeps this distance from the last move. */
  spacingMs = 0
  private movedAt = -Infinity
  /** How many times longer than usual edges take to follow. */
  slowness = 1
  /** Where behaviors lead that are not of the release. */
  elsewhere: { part: string; names: string }[] = []
  /** What the distribution is like, where that matters. */
  facts: DistributionFacts | undefined
  /** While set, the behaviors of the distribution may not be changed. */
  fallbackRefused: string | undefined
  /** While set, the origins of the distribution lead nowhere. */
  originsSilent: 'Yes' | 'No' = 'No'
  /** What the caches were told to forget, by reference. */
  readonly invalidations = new Map<string, readonly string[]>()
  /** While set, nobody answers the verification. */
  edgesSilent: 'Yes' | 'No' = 'No'
  /** While set, pods are ready but nobody answers the gates. */
  gatesSilent: Color | undefined
  /** While set, the cluster refuses to scale. */
  scaleRefused: 'Yes' | 'No' = 'No'
  /** While set, the API server refuses what the spec renders, as its dry run would tell. */
  templateRefused: string | undefined
  /** How long pods take to end; Infinity where their node is lost. */
  graceMs = GONE_AFTER_MS
  /** What ConfigMaps hold, by name. */
  readonly configMaps = new Map<string, Record<string, string>>()
  /** Secrets of the namespace, by name, and every value that ever stood in one. */
  readonly secrets = new Map<string, Record<string, string>>()
  readonly credentials = new Set<string>()
  /** While set, no Secret can be read. */
  secretsTrouble: Error | undefined
  /** What pods want in the header authorization; who brings something else is told so, with what it was. */
  demanded: string | undefined
  /** While set, the cluster refuses to make a Deployment, and says so. */
  createRefused: string | undefined
  /** So many pods the cluster has room for; what is missing is made as soon as there is room. */
  room = Infinity
  /** What the schema of the API server fills in by itself. */
  schema: (spec: Spec) => Spec = (spec) => spec
  /** Digests that are pinned, by revision. */
  readonly pins = new Map<string, { digest: string; ownership: Ownership }>()
  /** Files that somebody has put in the place of a model's, by its version. */
  private readonly files = new Map<string, string>()
  /** Kinds whose writes fail for now: an admission webhook is down, or the API server answers 5xx. */
  readonly failing = new Set<Kind>()
  /** Somebody changes the Service of this color again whenever it is written. */
  policedService: Color | undefined
  /** Before so many of the operator's next moves of the pointer somebody else writes it. */
  racesAtMove = 0
  /** Its pods end again and again by somebody's act. */
  brokenDown: Color | undefined
  claimedBy: string | undefined
  deletionTimestamp: string | undefined
  finalizers: string[] = []
  /** How often the operator was started again; its runner takes a new process for each. */
  restarts = 0
  /** The process of the operator that is dead, by the starts before it: it writes nothing any more. */
  private died: number | undefined
  /** Specs by generation, for what a status may claim. */
  readonly specs = new Map<number, Spec>()
  observer: (seen: Seen) => void = () => undefined
  /** Times at which something happens by itself. */
  private serial = 0
  private resourceVersion = 1
  private readonly fault: Fault | undefined
  private readonly addressOf: (pod: string) => string

  constructor({ spec, fault, addressOf = (pod) => pod }: SimulationOptions) {
    this.spec = spec
    this.fault = fault
    this.addressOf = addressOf
    this.specs.set(1, spec)
  }

  /** The pointer that the spec names; it stood there before the release came, but for a Service and a key. */
  get pointer(): PointerState {
    const store = keyValueStoreOf(this.spec)
    if (store) return this.pointerOf(`${store.keyValueStoreArn} ${store.key}`, 'CloudFrontKeyValueStore', {})
    return this.distribution ?? this.pointerOf(this.serviceId, 'Service', {})
  }

  private get serviceId(): string {
    return `Service ${this.spec.traffic.service?.name ?? 'housing'}`
  }

  formerPointers(): Promise<FormerPointer[]> {
    const current = this.spec.traffic.type === 'Service' ? this.serviceId : undefined
    const former = [...this.pointers].flatMap(([id, { kind, targets, version }]) => {
      const color = this.colorNamed(Object.values(targets)[0] ?? '')
      if (kind !== 'Service' || id === current || !color) return []
      return [{ name: id, uid: id, resourceVersion: String(version), color }]
    })
    return Promise.resolve(former)
  }

  mendPointer(_release: ModelRelease, { to, token, targetPort }: StepOf<'MendPointer'>): Promise<void> {
    return this.write('apply the pointer', () => {
      const { pointer } = this
      if (`v${pointer.version}` !== token) throw new ConflictError('it changed')
      if (Object.values(pointer.targets).some((named) => named !== to)) throw new Error('it leads elsewhere')
      delete pointer.differs
      pointer.targetPort = targetPort
      this.setPointer(pointer.targets)
    })
  }

  moveFormer(_release: ModelRelease, { name, resourceVersion, to }: StepOf<'MoveFormer'>): Promise<void> {
    return this.write(`apply ${name} to ${to}`, () => {
      const pointer = this.pointers.get(name)
      if (!pointer || String(pointer.version) !== resourceVersion) throw new ConflictError('it changed')
      if (this.status?.attempt?.builds === to) throw new Error('it leads to a candidate')
      this.setPointer({ [name]: to }, pointer)
    })
  }

  /** What the behaviors of the distribution name; behind a key that is what users get where it cannot be read. */
  get distribution(): PointerState | undefined {
    const settings = distributionOf(this.spec)
    if (!settings) return undefined
    const { behaviors, distributionId, origins } = settings
    const targets = Object.fromEntries(behaviors.map(({ pathPattern }) => [pathPattern, origins.blue]))
    return this.pointerOf(distributionId, 'CloudFrontDistribution', targets)
  }

  private pointerOf(id: string, kind: PointerState['kind'], targets: Record<string, string>): PointerState {
    const known = this.pointers.get(id)
    if (known) return known
    const pointer: PointerState = {
      kind,
      targets,
      version: 1,
      edges: EDGE_DELAYS_MS.map(() => ({ ...targets })),
      due: [],
    }
    this.pointers.set(id, pointer)
    return pointer
  }

  // ---- What users and other writers do -----------------------------------------------------------------------------

  apply(spec: Spec): void {
    this.spec = spec
    this.generation += 1
    this.resourceVersion += 1
    this.specs.set(this.generation, spec)
  }

  command(verb: string, nonce: string): void {
    this.annotations = { 'modelrelease.io/command': `${verb}/${this.status?.attempt?.id ?? ''}/${nonce}` }
  }

  putSecret(name: string, data: Record<string, string>): void {
    this.secrets.set(name, data)
    for (const value of Object.values(data)) this.credentials.add(value)
  }

  wipeStatus(): void {
    this.status = undefined
  }

  /** The same at every edge at once, so that what is broken by it is broken in the instant of the act. */
  pointElsewhereAtOnce(target: string): void {
    this.pointElsewhere(target)
    atOnce(this.pointer)
  }

  /** Somebody has the behaviors of the distribution, or one of them, name another origin, at every edge at once. */
  fallBackTo(target: string, behavior?: string): void {
    const { distribution } = this
    if (!distribution) throw new Error('the release has no distribution')
    const parts = behavior === undefined ? Object.keys(distribution.targets) : [behavior]
    const named = Object.fromEntries(parts.map((part) => [part, target]))
    this.setPointer({ ...distribution.targets, ...named }, distribution)
    atOnce(distribution)
  }

  /** Somebody writes the key by hand: nothing of it stays as it was. Without a value it is deleted. */
  writeKey(live?: string, share?: CanaryReading): void {
    const { salt, header } = share ?? {}
    this.pointer.shareOf = {
      ...(salt === undefined ? {} : { salt }),
      ...(header === undefined ? {} : { header }),
    }
    this.setPointer(keyTargets(live, share))
  }

  /** The share of the clients that the key sends elsewhere than the rest. */
  get share(): CanaryReading | undefined {
    const found = Object.entries(this.pointer.targets).find(([part]) => part.endsWith(SHARE))
    return found && { weight: parseInt(found[0], 10), names: found[1], ...this.pointer.shareOf }
  }

  /** Another writer moves the pointer of every behavior. */
  pointElsewhere(target: string): void {
    if (this.pointer.kind === 'CloudFrontKeyValueStore') this.writeKey(target)
    else this.setPointer(Object.fromEntries(Object.keys(this.pointer.targets).map((part) => [part, target])))
  }

  /** Somebody changes the selector of the Service of a color; nobody is led to its pods any more. */
  editService(color: Color): void {
    const service = this.services[color]
    if (service) service.differs = 'spec.selector is app=x'
  }

  /** Somebody changes the ports of the pointer Service, or its selector. */
  editPointer(what: 'Ports' | 'Selector'): void {
    const { pointer } = this
    if (pointer.kind !== 'Service' || Object.keys(pointer.targets).length === 0) return
    if (what === 'Ports') pointer.differs = 'spec.ports has no port 80'
    this.pointElsewhere(what === 'Ports' ? (Object.values(pointer.targets)[0] ?? '') : 'app=x')
  }

  /** Somebody sets the image of the Deployment of a color, or back to what it was. */
  editTemplate(color: Color, image?: string): void {
    const deployment = this.deployments[color]
    if (!deployment) return
    if (image === undefined) delete deployment.image
    else deployment.image = image
    deployment.resourceVersion += 1
  }

  /** Somebody takes variables from the container of a color, or puts one more there, or neither any more. */
  editVariables(color: Color, variables?: 'Fewer' | 'More'): void {
    const deployment = this.deployments[color]
    if (!deployment) return
    if (variables === undefined) delete deployment.variables
    else deployment.variables = variables
    deployment.resourceVersion += 1
  }

  /** Somebody puts another file where the model of a version is fetched from, or the old one back. */
  replaceFile(version: 1 | 2 | 3, file?: string): void {
    if (file === undefined) this.files.delete(String(version))
    else this.files.set(String(version), file)
  }

  /** Somebody deletes a pod of the color, the first or those that do not load what they find. */
  deletePods(color: Color, which: 'first' | 'refusing'): void {
    const pods = this.pods.filter((pod) => pod.color === color && pod.goneAt === undefined)
    const gone = which === 'first' ? pods.slice(0, 1) : pods.filter((pod) => isRefusing(pod))
    for (const pod of gone) pod.goneAt = this.now + this.graceMs
    this.fill(color)
  }

  /** What a container finds, and may load, when it starts. */
  private fetchModel({ template, revision }: StoredRevision): Pick<Pod, 'file' | 'wants'> {
    const version = versionOf({ template } as StoredRevision)
    const [, own] = /"MODEL_SHA256","value":"(\w+)"/.exec(textOf({ template } as StoredRevision)) ?? []
    const wants = own ?? (pinReadBy(template) === undefined ? undefined : this.pins.get(revision)?.digest)
    return { file: this.files.get(version) ?? `version-${version}`, wants }
  }

  /** Somebody takes labels from the Deployment of a color. */
  editLabels(color: Color): void {
    const deployment = this.deployments[color]
    if (!deployment) return
    deployment.differs = 'label app.kubernetes.io/managed-by is missing'
    deployment.resourceVersion += 1
  }

  /** Somebody deletes the ControllerRevisions. */
  deleteStored(): void {
    this.stored = []
  }

  /** As an earlier version stored it. */
  storedLongAgo(): void {
    for (const { kept } of this.stored) if (kept) kept.form = 'Old'
  }

  deleteDeployment(color: Color): void {
    Reflect.deleteProperty(this.deployments, color)
    this.endPods(color)
  }

  /** Deleted in the foreground: its pods end, and only then is it gone. */
  deleteInForeground(color: Color, graceMs: number): void {
    const deployment = this.deployments[color]
    if (deployment) deployment.leaving = 'Yes'
    for (const pod of this.pods) if (pod.color === color) pod.goneAt ??= this.now + graceMs
  }

  /** Another writer moves the pointer of one behavior. */
  pointPart(part: string, target: string): void {
    this.setPointer({ ...this.pointer.targets, [part]: target })
  }

  /** All pods of the color, or so many of them. */
  sicken(color: Color, count = Infinity): void {
    const pods = this.pods.filter((pod) => pod.color === color)
    for (const pod of pods.slice(0, count)) pod.sick = 'Yes'
  }

  /** All pods of the color, or so many of them. */
  heal(color: Color, count = Infinity): void {
    const pods = this.pods.filter((pod) => pod.color === color && pod.sick)
    for (const pod of pods.slice(0, count)) pod.sick = undefined
  }

  /** One container of each pod of the color ends, and is started again. */
  crash(color: Color): void {
    for (const pod of this.pods)
      if (pod.color === color && pod.readyAt <= this.now) this.restart(pod, this.now + READY_AFTER_MS)
  }

  /** From now on the pods of the color become ready and end, again and again. */
  breakDown(color: Color): void {
    for (const pod of this.pods) if (pod.color === color && pod.goneAt === undefined) pod.fallsAt = this.now
    this.brokenDown = color
    this.advanceTo(this.now)
  }

  /** They stay up from their next start on. */
  mend(color: Color): void {
    this.brokenDown = undefined
    for (const pod of this.pods) if (pod.color === color) Reflect.deleteProperty(pod, 'fallsAt')
  }

  /** For how long all pods of the color have been ready, in milliseconds. */
  steadyForMs(color: Color): number {
    const pods = this.pods.filter((pod) => pod.color === color && pod.goneAt === undefined)
    return this.now - Math.max(...pods.map(({ readyAt }) => readyAt))
  }

  /** A node is drained: its pods end, and others come up elsewhere. */
  drain(color: Color): void {
    this.endPods(color)
    this.fill(color)
  }

  /** From now on pods that are told to end hang: their node is lost. */
  hangPods(): void {
    this.graceMs = Infinity
  }

  /** The node is back, or was given up: what hung is gone in a moment. */
  unhangPods(): void {
    this.graceMs = GONE_AFTER_MS
    for (const pod of this.pods) if (pod.goneAt === Infinity) pod.goneAt = this.now + this.graceMs
  }

  madden(color: Color): void {
    for (const pod of this.pods) if (pod.color === color) pod.mad = 'Yes'
  }

  calm(color: Color): void {
    for (const pod of this.pods) if (pod.color === color) pod.mad = undefined
  }

  scaleByHand(color: Color, replicas: number): void {
    const deployment = this.deployments[color]
    if (!deployment) return
    deployment.replicas = replicas
    deployment.resourceVersion += 1
    this.fill(color)
  }

  /** Nobody runs the operator for a while. */
  stopOperator(ms: number): void {
    this.advanceTo(this.now + ms)
    this.restarts += 1
  }

  // ---- Time --------------------------------------------------------------------------------------------------------

  /** The next time at which something happens by itself. */
  nextEvent(): number | undefined {
    const times = [
      ...this.pods.flatMap((pod) => [pod.readyAt, pod.goneAt ?? 0, pod.fallsAt ?? 0]),
      ...[...this.pointers.values()].flatMap(({ due }) => due.map(({ at }) => at)),
    ].filter((at) => at > this.now && Number.isFinite(at))
    return times.length > 0 ? Math.min(...times) : undefined
  }

  /** A container has ended by itself: it is started again, later each time. */
  private fall(pod: Pod): void {
    const backoffMs = Math.min(LONGEST_BACKOFF_MS, BACKOFF_MS * 2 ** pod.restarts)
    const lastsMs = LASTS_MS[behaviorOf(pod.stored)] ?? LASTS_MS.dying ?? 0
    this.restart(pod, (pod.fallsAt ?? 0) + backoffMs)
    pod.fallsAt = pod.readyAt + lastsMs
  }

  private restart(pod: Pod, readyAt: number): void {
    pod.restarts += 1
    pod.readyAt = readyAt
    Object.assign(pod, this.fetchModel(pod.stored))
  }

  advanceTo(instant: number): void {
    this.now = Math.max(this.now, instant)
    this.pods = this.pods.filter((pod) => pod.goneAt === undefined || pod.goneAt > this.now)
    for (const pod of this.pods) while (pod.fallsAt !== undefined && pod.fallsAt <= this.now) this.fall(pod)
    for (const color of COLORS) {
      const isEmpty = !this.pods.some((pod) => pod.color === color)
      if (this.deployments[color]?.leaving && isEmpty) Reflect.deleteProperty(this.deployments, color)
      if (this.room < Infinity) this.fill(color)
    }
    this.evict()
    for (const pointer of this.pointers.values()) {
      for (const { edge, targets } of pointer.due.filter(({ at }) => at <= this.now))
        pointer.edges[edge] = targets
      pointer.due = pointer.due.filter(({ at }) => at > this.now)
    }
  }

  // ---- What users get ----------------------------------------------------------------------------------------------

  /** The answer that a user gets at every edge right now, for the invariants: which model version, or why none. */
  userAnswers(): string[] {
    return this.routes().map((name) => {
      const color = this.colorNamed(name)
      if (!color) return 'nothing is named'
      const pod = this.servingPods(color)[0]
      return pod ? `version ${versionOf(pod.stored)}` : `no pod behind ${color}`
    })
  }

  /** What the users of every pointer are routed to, per edge and part. */
  private routes(): string[] {
    // What the behaviors name behind a key is reached too, by whoever meets an edge that cannot read the key.
    const used = [...new Set([...this.pointers.values(), this.pointer])].filter(
      ({ kind, targets }) => kind !== 'CloudFrontKeyValueStore' || Object.keys(targets).length > 0,
    )
    const ours = used
      .filter(({ differs }) => differs === undefined)
      .flatMap((pointer) => (pointer.kind === 'Service' ? [pointer.targets] : pointer.edges))
      .flatMap((targets) => (Object.keys(targets).length > 0 ? Object.values(targets) : ['']))
    return [...ours, ...this.elsewhere.map(({ names }) => names)]
  }

  /** Whether some edge routes to the color, or a pointer names it. */
  isRouted(color: Color): boolean {
    const named = [...this.pointers.values()].flatMap(({ targets }) => Object.values(targets))
    return [...this.routes(), ...named].some((name) => this.colorNamed(name) === color)
  }

  /** Whether every pod that the color wants is ready now. */
  isAvailable(color: Color): boolean {
    const wanted = this.deployments[color]?.replicas ?? 0
    return wanted > 0 && this.pods.filter((pod) => pod.color === color && this.isReady(pod)).length >= wanted
  }

  /** Whether any pod of the color is ready now. */
  isAnswering(color: Color): boolean {
    return this.pods.some((pod) => pod.color === color && this.isReady(pod))
  }

  /** Pods of a color, whether ready or not. */
  replicasOf(color: Color): number {
    return this.deployments[color]?.replicas ?? 0
  }

  /** What stands in a color, in the words of the user. */
  describe(color: Color): string {
    const stored = this.deployments[color]?.stored
    return stored ? `version ${versionOf(stored)} (${behaviorOf(stored)})` : 'nothing'
  }

  /** Where an origin leads is for life: the address of one color's Service, whatever any spec says. */
  colorNamed(name: string): Color | undefined {
    return COLORS.find((color) => name === color || name === `housing-${color}`)
  }

  /** The pods that answer behind the Service of a color. */
  servingPods(color: Color): Pod[] {
    // A Service whose selector was changed leads nowhere.
    return this.services[color] && this.services[color].differs === undefined
      ? this.pods.filter((pod) => pod.color === color && this.isReady(pod))
      : []
  }

  isReady(pod: Pod): boolean {
    const isUp = pod.goneAt === undefined && pod.readyAt <= this.now && pod.sick === undefined
    return isUp && !isRefusing(pod)
  }

  // ---- Faults ------------------------------------------------------------------------------------------------------

  /** Every write passes here, so that a fault can be put at any of them. */
  private async write(what: string, effect: () => void): Promise<void> {
    if (this.died === this.restarts) throw new CrashError(what)
    await Promise.resolve()
    this.admit(what)
    const fault = this.fault?.atWrite === this.writes.length ? this.fault.kind : undefined
    this.writes.push(what)
    if (fault) this.noteBudgetTrouble(what, 1000)
    if (fault === 'crash before' || fault === 'crash after') this.died = this.restarts
    if (fault === 'crash before') throw new CrashError(what)
    if (fault === 'conflict') throw new ConflictError(`somebody changed it: ${what}`)
    effect()
    if (fault === 'crash after') throw new CrashError(what)
    if (fault === 'lost answer') throw new TransientError(`no answer: ${what}`)
  }

  /** Admission webhooks are asked about every write of their kind, and may be down. */
  private admit(what: string): void {
    const kind = kindOf(what)
    if (!kind || !this.failing.has(kind)) return
    this.noteBudgetTrouble(what, ASIDE_RETRY_MS)
    throw new TransientError(`${what}: failed calling webhook "policy.example.com"`)
  }

  private noteBudgetTrouble(what: string, ms: number): void {
    if (kindOf(what) === 'PodDisruptionBudget') this.budgetsTriedAgainBy = this.now + ms
  }

  // ---- Cluster -----------------------------------------------------------------------------------------------------

  release(): Promise<ModelRelease> {
    return Promise.resolve({
      metadata: {
        name: 'housing',
        namespace: 'models',
        uid: 'uid-1',
        generation: this.generation,
        resourceVersion: String(this.resourceVersion),
        annotations: { ...this.annotations },
        finalizers: [...this.finalizers],
        ...(this.deletionTimestamp ? { deletionTimestamp: this.deletionTimestamp } : {}),
      },
      spec: frozen(this.schema(this.spec)),
      ...(this.status ? { status: this.status } : {}),
    })
  }

  colors(): Promise<Record<Color, ColorState>> {
    return Promise.resolve({ blue: this.colorState('blue'), green: this.colorState('green') })
  }

  private colorState(color: Color): ColorState {
    const deployment = this.deployments[color]
    const service = this.services[color]
    return {
      ...(deployment
        ? {
            workload: {
              uid: deployment.uid,
              resourceVersion: String(deployment.resourceVersion),
              revision: deployment.stored.revision,
              replicas: deployment.replicas,
              observed: 'Yes',
              ownership: deployment.ownership,
              leaving: deployment.leaving ?? 'No',
              ...this.pinOf(deployment.stored),
              ...foundIn(deployment),
              ...(deployment.differs === undefined ? {} : { differs: deployment.differs }),
              ...this.troubleOf(color),
            },
          }
        : {}),
      pods: this.pods.filter((pod) => pod.color === color).map((pod) => this.podState(pod)),
      ...(service
        ? {
            service: {
              uid: `service-${color}`,
              resourceVersion: '1',
              address: `service-${color}`,
              ...service,
            },
          }
        : {}),
      ...this.budgetFacts(color),
    }
  }

  private budgetFacts(color: Color): Pick<ColorState, 'budget' | 'otherBudgets' | 'budgetsUnknown'> {
    if (this.budgetsUnknown !== undefined) return { budgetsUnknown: this.budgetsUnknown }
    const budget = this.budgets[color]
    const isCounted = this.otherBudget && this.pods.some((pod) => pod.color === color)
    return {
      ...(budget ? { budget: { ...budget } } : {}),
      ...(isCounted && this.otherBudget ? { otherBudgets: [this.otherBudget] } : {}),
    }
  }

  private pinOf({ revision, template }: StoredRevision): { pin?: PinReading } {
    if (pinReadBy(template) === undefined) return {}
    const digest = this.pins.get(revision)?.digest
    return { pin: digest === undefined ? { type: 'Open' } : { type: 'Pinned', digest } }
  }

  private troubleOf(color: Color): { trouble?: { reason: string; message: string } } {
    const made = this.pods.filter((pod) => pod.color === color && pod.goneAt === undefined).length
    if (made >= this.replicasOf(color) || this.room === Infinity) return {}
    return { trouble: { reason: 'FailedCreate', message: 'exceeded quota' } }
  }

  private podState(pod: Pod): PodState {
    const ready = pod.goneAt === undefined ? (this.isReady(pod) ? 'Yes' : 'No') : 'Terminating'
    const trouble = TROUBLES[behaviorOf(pod.stored)] ?? refusalOf(pod)
    return {
      name: pod.name,
      ip: pod.ip,
      revision: pod.stored.revision,
      ready,
      startedAt: pod.startedAt,
      ...(pod.restarts > 0 ? { restarts: pod.restarts } : {}),
      ...(ready === 'Yes' ? { steadySince: pod.readyAt } : {}),
      ...(trouble ? { trouble } : {}),
    }
  }

  revisions(): Promise<KeptRevision[]> {
    return Promise.resolve(this.stored.map((one) => ({ ...one, ...(one.kept && { kept: { ...one.kept } }) })))
  }

  config(_release: ModelRelease, names: readonly string[]): Promise<ConfigReading> {
    return Promise.resolve(
      Object.fromEntries(names.map((name) => [name, this.configMaps.get(name) ?? 'Absent'])),
    )
  }

  readonly readSecret: ReadSecret = async (name) => {
    await Promise.resolve()
    if (this.secretsTrouble) throw this.secretsTrouble
    const found = this.secrets.get(name)
    const data =
      found && Object.entries(found).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
    return { namespace: 'models', data: data && (Object.fromEntries(data) as Record<string, string>) }
  }

  async storeRevision({ spec }: ModelRelease, { stored }: StepOf<'StoreRevision'>): Promise<void> {
    const problem = await credentialProblem(this.readSecret, referringIn(stored.gates, spec))
    if (problem !== undefined) throw new TransientError(problem)
    return this.write(`store ${stored.attempt}`, () => {
      if (this.templateRefused !== undefined) throw new RefusedError('InvalidSpec', this.templateRefused)
      if (this.stored.some((one) => one.attempt === stored.attempt)) return
      const kept = keptIn(stored.attempt, deletionPolicyOf(spec) === 'Delete' ? 'Owned' : 'Free')
      this.stored.push({ ...frozen(structuredClone(stored)), kept })
    })
  }

  renewRevision(_release: ModelRelease, { attempt, ownership }: StepOf<'RenewRevision'>): Promise<void> {
    return this.write(`renew ${attempt}`, () => {
      for (const one of this.stored) if (one.attempt === attempt) one.kept = keptIn(attempt, ownership)
    })
  }

  pinDigest(_release: ModelRelease, { revision, digest, ownership }: StepOf<'PinDigest'>): Promise<void> {
    return this.write(`pin ${revision}`, () => {
      const known = this.pins.get(revision)?.digest ?? digest
      if (known !== digest) throw new ConflictError('it is pinned already')
      this.pins.set(revision, { digest, ownership })
    })
  }

  forgetRevision(_release: ModelRelease, { attempt, pinOf = '' }: StepOf<'ForgetRevision'>): Promise<void> {
    return this.write(`forget ${attempt}`, () => {
      this.pins.delete(pinOf)
      this.stored = this.stored.filter((one) => one.attempt !== attempt)
    })
  }

  createWorkload(
    _release: ModelRelease,
    { color, stored, replicas, ownership }: StepOf<'CreateWorkload'>,
  ): Promise<void> {
    return this.write(`create ${color}`, () => {
      if (this.createRefused !== undefined) throw new RefusedError('InvalidSpec', this.createRefused)
      if (this.deployments[color]) throw new ConflictError('it exists')
      this.serial += 1
      this.deployments[color] = {
        uid: `deployment-${this.serial}`,
        resourceVersion: 1,
        stored,
        replicas,
        ownership,
      }
      this.fill(color)
    })
  }

  scaleWorkload(
    _release: ModelRelease,
    { color, replicas, resourceVersion }: StepOf<'ScaleWorkload'>,
  ): Promise<void> {
    return this.write(`scale ${color} to ${replicas}`, () => {
      const deployment = this.deployments[color]
      if (String(deployment?.resourceVersion) !== resourceVersion || !deployment)
        throw new ConflictError('it changed')
      if (this.scaleRefused === 'Yes') throw new RefusedError('AccessDenied', 'may not scale')
      this.observer({ type: 'Scale', color, from: deployment.replicas, to: replicas })
      deployment.replicas = replicas
      deployment.resourceVersion += 1
      this.fill(color)
    })
  }

  /** The Deployment controller: as many pods as wanted. */
  private fill(color: Color): void {
    const deployment = this.deployments[color]
    if (!deployment || deployment.leaving) return
    // Pods that are not ready go first, as with the real controller.
    const pods = this.pods
      .filter((pod) => pod.color === color && pod.goneAt === undefined)
      .toSorted((a, b) => Number(this.isReady(b)) - Number(this.isReady(a)))
    for (const pod of pods.slice(deployment.replicas)) pod.goneAt = this.now + this.graceMs
    for (let count = pods.length; count < deployment.replicas && this.pods.length < this.room; count += 1) {
      this.serial += 1
      const readyAt = TROUBLES[behaviorOf(deployment.stored)] ? Infinity : this.now + READY_AFTER_MS
      const name = `pod-${this.serial}`
      const lastsMs = LASTS_MS[behaviorOf(deployment.stored)]
      this.pods.push({
        name,
        ip: this.addressOf(name),
        color,
        stored: deployment.stored,
        startedAt: this.now,
        readyAt,
        restarts: 0,
        ...this.fetchModel(deployment.stored),
        ...(lastsMs === undefined ? {} : { fallsAt: readyAt + lastsMs }),
      })
    }
  }

  mendWorkload(_release: ModelRelease, { color }: StepOf<'MendWorkload'>): Promise<void> {
    return this.write(`mend ${color}`, () => {
      const deployment = this.deployments[color]
      if (!deployment) throw new ConflictError('it is gone')
      delete deployment.differs
      deployment.resourceVersion += 1
    })
  }

  removeWorkload(_release: ModelRelease, { color, uid }: StepOf<'RemoveWorkload'>): Promise<void> {
    return this.write(`remove ${color}`, () => {
      if (this.deployments[color]?.uid !== uid) throw new ConflictError('it is another one')
      this.observer({ type: 'Remove', color })
      this.deleteDeployment(color)
    })
  }

  private endPods(color: Color): void {
    for (const pod of this.pods) if (pod.color === color) pod.goneAt ??= this.now + this.graceMs
  }

  applyColorService(
    _release: ModelRelease,
    { color, targetPort, origin, ownership }: StepOf<'ApplyColorService'>,
  ): Promise<void> {
    return this.write(`apply Service ${colorName('housing', color)}`, () => {
      this.services[color] = { targetPort, origin, ownership }
      if (color === this.policedService) this.editService(color)
    })
  }

  applyBudget(_release: ModelRelease, { color, ownership }: StepOf<'ApplyBudget'>): Promise<void> {
    return this.writeBudget(`apply the budget of ${color}`, () => {
      this.budgets[color] = { ownership }
    })
  }

  removeBudget(_release: ModelRelease, { color }: StepOf<'RemoveBudget'>): Promise<void> {
    return this.writeBudget(`remove the budget of ${color}`, () => {
      Reflect.deleteProperty(this.budgets, color)
    })
  }

  private writeBudget(what: string, act: () => void): Promise<void> {
    if (this.budgetRefused === undefined) return this.write(what, act)
    this.budgetsTriedAgainBy = this.now + ASIDE_RETRY_MS
    return Promise.reject(new RefusedError('AccessDenied', this.budgetRefused))
  }

  /** What a drain does each time that it tries again: it asks for each pod, and the budgets answer. */
  private evict(): void {
    const { drainedSince } = this
    // Who drains nodes while budgets cannot be made, or one pod has to do, is not kept from harm.
    if (drainedSince === undefined || !this.budgetsCanBeMade) return
    for (const pod of this.pods) {
      if (pod.goneAt !== undefined || pod.startedAt >= drainedSince || !this.mayEvict(pod)) continue
      pod.goneAt = this.now + this.graceMs
      this.fill(pod.color)
    }
  }

  /** `maxUnavailable: 1`, and `unhealthyPodEvictionPolicy: AlwaysAllow`. */
  private mayEvict(pod: Pod): boolean {
    if (this.replicasOf(pod.color) < 2) return false
    if (!this.budgets[pod.color] || !this.isReady(pod)) return true
    const ready = this.pods.filter((one) => one.color === pod.color && this.isReady(one))
    return ready.length >= this.replicasOf(pod.color)
  }

  /** Whether the operator can make budgets as things are; what failed is left alone for a while. */
  get budgetsCanBeMade(): boolean {
    const isRefused = this.budgetRefused !== undefined || this.budgetsUnknown !== undefined
    const isFailing = this.failing.has('PodDisruptionBudget') || this.now < this.budgetsTriedAgainBy
    return !isRefused && !isFailing && this.otherBudget === undefined && this.spec.disruptionBudget !== 'None'
  }

  setOwnership(_release: ModelRelease, step: StepOf<'SetOwnership'>): Promise<void> {
    const color = step.of === 'Pointer' ? '' : ` ${'color' in step ? step.color : step.attempt}`
    return this.write(`make ${step.of}${color} ${step.ownership}`, () => {
      const object = this.ownedObject(step)
      if (object) object.ownership = step.ownership
      const stored = step.of === 'Revision' && this.stored.find(({ attempt }) => attempt === step.attempt)
      const pin = stored && this.pins.get(stored.revision)
      if (pin) pin.ownership = step.ownership
    })
  }

  private ownedObject(step: StepOf<'SetOwnership'>): { ownership?: Ownership } | undefined {
    if (step.of === 'Pointer') return this.pointer
    if (step.of === 'Revision') return this.stored.find(({ attempt }) => attempt === step.attempt)?.kept
    return step.of === 'Deployment' ? this.deployments[step.color] : this.services[step.color]
  }

  logs(): Promise<string> {
    return Promise.resolve('last words')
  }

  async writeStatus(_release: ModelRelease, status: Status): Promise<string> {
    await this.write('status', () => {
      this.observer({ type: 'Status', status })
      this.status = frozen(structuredClone(status))
      this.resourceVersion += 1
    })
    return String(this.resourceVersion)
  }

  record(_release: ModelRelease, happening: EventRecord): Promise<void> {
    this.happenings.push(happening)
    return Promise.resolve()
  }

  // ---- Pointer -----------------------------------------------------------------------------------------------------

  readonly pointerPort: Pointer = {
    read: (_release, freshness) => Promise.resolve(this.lookAtPointer(freshness)),
    move: (release, step) =>
      this.pointer.kind === 'CloudFrontKeyValueStore' ? this.moveKey(step) : this.movePointer(release, step),
    moveFallback: (_release, step) => this.moveFallback(step),
    invalidate: (_release, { reference, paths }) =>
      this.write(`invalidate ${paths.join(' ')}`, () => {
        this.observer({ type: 'Invalidate' })
        this.invalidations.set(reference, paths)
      }),
  }

  readonly claimsPort: Claims = {
    read: () => Promise.resolve<ClaimReading>(this.readClaim()),
    take: () =>
      this.write('take claim', () => {
        if (this.claimedBy !== undefined)
          throw new RefusedError('BehaviorClaimed', `held by ${this.claimedBy}`)
        this.claimedBy = 'models/housing'
      }),
  }

  private readClaim(): ClaimReading {
    if (this.spec.traffic.type === 'Service' || this.claimedBy === 'models/housing') return { type: 'Held' }
    return this.claimedBy === undefined
      ? { type: 'Free' }
      : { type: 'Taken', part: 'E1 behavior *', by: this.claimedBy }
  }

  private lookAtPointer(freshness?: 'Live'): PointerReading {
    if (this.lastReading?.type === 'Read' && freshness !== 'Live' && this.isKept())
      return { ...this.lastReading, fresh: 'No' }
    if (this.pointerBlind && this.lastReading?.type === 'Read')
      return { ...this.lastReading, outdated: this.pointerBlind }
    this.lastReading = this.readPointer()
    this.readAt = this.now
    return this.lastReading
  }

  private isKept(): boolean {
    if (this.pointerKept !== 'Rarely') return this.pointerKept === 'Yes'
    const atRest = this.status?.attempt?.outcome !== undefined && this.status.traffic?.propagated === 'Yes'
    return this.now - this.readAt < (atRest ? 300_000 : 4500)
  }

  private readPointer(): PointerReading {
    if (this.pointerTrouble) return this.pointerTrouble
    if (this.pointer.kind === 'CloudFrontKeyValueStore')
      return this.unfit ? { ...this.readKey(), unfit: this.unfit } : this.readKey()
    const targets = Object.entries(this.pointer.targets).map(([part, names]) => ({ part, names }))
    if (this.spec.traffic.type === 'Service' && targets.length === 0) return { type: 'Absent' }
    return {
      type: 'Read',
      token: `v${this.pointer.version}`,
      targets,
      origins:
        this.spec.traffic.type === 'Service'
          ? ['blue', 'green']
          : ['housing-blue', 'housing-green', 'old-fleet'],
      propagated: this.pointer.due.length === 0 ? 'Yes' : 'No',
      timeoutSeconds: 30,
      elsewhere: this.elsewhere,
      ...(this.facts ? { distribution: this.facts } : {}),
      ...(this.pointer.kind === 'Service' ? this.readService() : {}),
      ...(this.spacingMs > 0 ? { writableAt: this.movedAt + this.spacingMs } : {}),
    }
  }

  private readService(): Partial<Extract<PointerReading, { type: 'Read' }>> {
    const { differs, ownership, targetPort = 0, targets } = this.pointer
    const [named = ''] = Object.values(targets)
    return {
      targetPort,
      ...(ownership ? { ownership } : {}),
      ...(differs === undefined ? {} : { differs }),
      ...(this.colorNamed(named) ? {} : { foreignSelector: named }),
    }
  }

  /** Without the key, users are where the behaviors lead; an origin that is not of the release is nothing of ours. */
  private readKey(): Extract<PointerReading, { type: 'Read' }> {
    const { pointer, share } = this
    const behaviors = this.distribution
    if (!behaviors) throw new Error('a key is read behind a distribution')
    const [named = ''] = Object.values(behaviors.targets)
    const propagatesAt = (pointer.writtenAt ?? -Infinity) + KEY_PROPAGATION_MS
    return {
      type: 'Read',
      token: `k${pointer.version}`,
      targets: [
        pointer.targets[KEY] === undefined && this.colorNamed(named)
          ? { part: '*', names: named }
          : { part: KEY, names: pointer.targets[KEY] ?? '' },
      ],
      origins: ['housing-blue', 'housing-green', 'old-fleet'],
      propagated: this.now >= propagatesAt ? 'Yes' : 'No',
      ...(this.now < propagatesAt ? { propagatesAt } : {}),
      timeoutSeconds: 30,
      elsewhere: this.elsewhere,
      ...(this.facts ? { distribution: this.facts } : {}),
      ...(share ? { canary: share } : {}),
      fallback: this.readFallback(behaviors),
    }
  }

  /** Where the behaviors lead, be it by a configuration that some edge still follows. */
  private readFallback({ due, edges, targets, version }: PointerState): Fallback {
    const moving = due.map((one) => one.targets)
    return {
      token: `v${version}`,
      targets: [targets, ...edges, ...moving].flatMap((leading) =>
        Object.entries(leading).map(([part, names]) => ({ part, names })),
      ),
      propagated: due.length === 0 ? 'Yes' : 'No',
      ...(this.spacingMs > 0 ? { writableAt: this.movedAt + this.spacingMs } : {}),
    }
  }

  private moveKey({ names, token, to, ...share }: StepOf<'MovePointer'>): Promise<void> {
    const { weight, live, salt, clientHeader: header } = share
    this.readAt = -Infinity
    return this.write(`point ${weight === undefined ? 'the key' : `${weight} %`} at ${to}`, () => {
      this.raceAtMove()
      if (`k${this.pointer.version}` !== token) throw new ConflictError('the store changed')
      this.observer({ type: 'Move', to, names, token })
      if (weight === undefined) this.writeKey(names || undefined)
      else
        this.writeKey(live, {
          names,
          weight,
          ...(salt === undefined ? {} : { salt }),
          ...(header === undefined ? {} : { header }),
        })
    })
  }

  private raceAtMove(): void {
    if (this.racesAtMove === 0) return
    this.racesAtMove -= 1
    this.setPointer(this.pointer.targets)
  }

  private moveFallback({ parts, names, token }: StepOf<'MoveFallback'>): Promise<void> {
    this.readAt = -Infinity
    return this.write('move the fallback', () => {
      if (this.fallbackRefused !== undefined) throw new RefusedError('AccessDenied', this.fallbackRefused)
      if (this.now < this.movedAt + this.spacingMs) throw new TransientError('too soon')
      const { distribution } = this
      if (!distribution || `v${distribution.version}` !== token)
        throw new ConflictError('the distribution changed')
      this.movedAt = this.now
      this.observer({ type: 'Fallback', names })
      const moved = Object.fromEntries(parts.map((part) => [part, names]))
      this.setPointer({ ...distribution.targets, ...moved }, distribution)
    })
  }

  private movePointer(release: ModelRelease, step: StepOf<'MovePointer'>): Promise<void> {
    const { names, token, to } = step
    this.readAt = -Infinity
    return this.write(`point at ${to}`, () => {
      if (this.now < this.movedAt + this.spacingMs && step.direction !== 'Back')
        throw new TransientError('too soon')
      this.movedAt = this.now
      this.raceAtMove()
      const reading = this.readPointer()
      if ((reading.type === 'Read' ? reading.token : 'absent') !== token)
        throw new ConflictError('the pointer changed')
      const parts = release.spec.traffic.cloudFrontDistribution?.behaviors.map(
        ({ pathPattern }) => pathPattern,
      ) ?? [`Service ${pointerServiceName(release)}`]
      this.observer({ type: 'Move', to, names, token })
      if (this.pointer.kind === 'Service') this.pointer.targetPort = step.targetPort
      if (reading.type === 'Absent')
        this.pointer.ownership = deletionPolicyOf(release.spec) === 'Delete' ? 'Owned' : 'Free'
      this.setPointer(Object.fromEntries(parts.map((part) => [part, names])))
    })
  }

  private setPointer(targets: Record<string, string>, pointer = this.pointer): void {
    pointer.targets = targets
    pointer.version += 1
    if (pointer.kind === 'Service') return
    const { now, slowness } = this
    const isKey = pointer.kind === 'CloudFrontKeyValueStore'
    if (isKey) pointer.writtenAt = now
    const delays = isKey ? KEY_DELAYS_MS : EDGE_DELAYS_MS
    // Never as slow as the time that a key is given to propagate.
    const longest = isKey ? KEY_PROPAGATION_MS - 1000 : Infinity
    pointer.due.push(
      ...delays.map((delay, edge) => ({ at: now + Math.min(delay * slowness, longest), edge, targets })),
    )
  }

  // ---- HTTP --------------------------------------------------------------------------------------------------------

  readonly ask: HttpProbe = ({ url, headers }) => {
    const answer = this.answer(new URL(url))
    const brought = headers.authorization ?? ''
    if (this.demanded === undefined || answer.type === 'NoAnswer' || brought === this.demanded)
      return Promise.resolve(answer)
    const body = JSON.stringify({ error: `${brought} is not what is wanted`, headers })
    return Promise.resolve({ ...answer, status: 401, body })
  }

  private answer({ hostname, port, pathname }: URL): ProbeAnswer {
    const pod = this.podBehind(hostname, port)
    if (!pod || this.isSilent(hostname, pod))
      return { type: 'NoAnswer', message: `connection to ${hostname} refused` }
    return this.answerOf(pod, pathname, hostname === 'models.example.com')
  }

  /** What a pod answers that is asked for a path, directly or through an edge. */
  answerOf(pod: Pod, pathname: string, throughEdges: boolean): Extract<ProbeAnswer, { type: 'Answered' }> {
    const behavior = behaviorOf(pod.stored)
    if (behavior === 'lost-through-edges' && throughEdges)
      return { type: 'Answered', status: 502, headers: {}, body: 'the edge reached no origin', latencyMs: 1 }
    const wrong = isWrong(pod, behavior, throughEdges)
    const prediction = wrong ? WRONG_PREDICTION : (PREDICTION[versionOf(pod.stored)] ?? 0)
    return {
      type: 'Answered',
      status: pathname.startsWith('/missing') ? 404 : 200,
      headers:
        pod.stored.identity === 'Headers'
          ? {
              [IDENTITY_HEADER.revision]: behavior === 'impostor' ? 'another' : pod.stored.revision,
              [IDENTITY_HEADER.color]: pod.color,
              [IDENTITY_HEADER.digest]: `sha256:${digestOf(pod.file)}`,
            }
          : {},
      body: JSON.stringify({ prediction: [prediction] }),
      latencyMs: 1,
    }
  }

  private isSilent(hostname: string, pod: Pod): boolean {
    if (hostname === 'models.example.com') return this.edgesSilent === 'Yes'
    return this.gatesSilent === pod.color
  }

  private namedByBehaviors(): string {
    return (this.distribution && namedAtLast(this.distribution)) ?? ''
  }

  private podBehind(hostname: string, port: string): Pod | undefined {
    if (hostname === 'models.example.com') {
      const color = this.colorNamed(namedAtLast(this.pointer) ?? this.namedByBehaviors())
      return color && this.servingPods(color)[0]
    }
    const color = COLORS.find(
      (one) =>
        (hostname === `service-${one}` && (port === '' || Number(port) === SERVICE_PORT)) ||
        (hostname === `${one}.models.example.com` && this.originsSilent === 'No'),
    )
    if (color) return this.servingPods(color)[0]
    return this.pods.find((pod) => pod.ip === hostname && this.isReady(pod))
  }
}

/** The kind of object that a write is about, where it is one in the cluster. */
function kindOf(what: string): Kind | undefined {
  if (what.includes('budget of')) return 'PodDisruptionBudget'
  if (/^(create|scale|mend|remove|make Deployment) /.test(what)) return 'Deployment'
  if (/^(apply|make) Service /.test(what)) return 'Service'
  return /^(store|forget|renew|make Revision) /.test(what) ? 'ControllerRevision' : undefined
}

/** A pod template that somebody edited. */
function foundIn({ image, stored, variables }: Deployment): { found?: TemplateAsFound } {
  if (image === undefined && variables === undefined) return {}
  const template = structuredClone(stored.template) as unknown as Template
  const [container] = template.spec.containers
  if (!container) return {}
  const name = container.name
  const field = variables === 'More' ? { 'f:env': { 'k:{"name":"MORE"}': {} } } : {}
  if (variables === 'Fewer') container.env = []
  if (variables === 'More') container.env = [...(container.env ?? []), { name: 'MORE' }]
  if (image !== undefined) container.image = image
  const fields = { ...field, ...(image === undefined ? {} : { 'f:image': {} }) }
  const writers = [
    { name: 'kubectl', fields: { 'f:spec': { 'f:containers': { [`k:{"name":"${name}"}`]: fields } } } },
  ]
  return { found: { template, writers, replaced: variables === 'Fewer' ? 'Yes' : 'No' } }
}

interface Template {
  spec: { containers: { name: string; image?: string; env?: { name: string }[] }[] }
}

function keptIn(attempt: string, ownership: Ownership): NonNullable<KeptRevision['kept']> {
  return { name: attempt, uid: attempt, resourceVersion: '1', ownership, form: 'Canonical' }
}

/** What a key names, the share of the clients apart. */
export function keyTargets(live?: string, share?: CanaryReading): Record<string, string> {
  return {
    ...(live === undefined ? {} : { [KEY]: live }),
    ...(share ? { [`${share.weight}${SHARE}`]: share.names } : {}),
  }
}

/** What the edge that follows last names now. */
function namedAtLast({ edges, due }: PointerState): string | undefined {
  const targets = edges.find((_, edge) => due.some((one) => one.edge === edge)) ?? edges[0]
  return Object.values(targets ?? {})[0]
}

function atOnce(pointer: PointerState): void {
  for (const { edge, targets } of pointer.due) pointer.edges[edge] = targets
  pointer.due = []
}

function refusalOf(pod: Pod): Trouble | undefined {
  if (!isRefusing(pod)) return undefined
  const message = `the model's sha256 is ${digestOf(pod.file)}, MODEL_SHA256 wants ${pod.wants ?? ''}`
  return { reason: 'NotReady', message, final: 'Yes' }
}

/** It found another file than the one that it may load. */
export function isRefusing({ file, wants }: Pod): boolean {
  return wants !== undefined && wants !== digestOf(file)
}

/** The digest of a file, as sha256sum prints it. */
export function digestOf(file: string): string {
  return createHash('sha256').update(file).digest('hex')
}

function isWrong({ mad }: Pod, behavior: Behavior, throughEdges: boolean): boolean {
  return behavior === 'wrong' || mad === 'Yes' || (behavior === 'broken-through-edges' && throughEdges)
}

/** The template is the user's, so its shape is looked up rather than typed. */
function textOf({ template }: StoredRevision): string {
  const text = TEXTS.get(template) ?? JSON.stringify(template)
  TEXTS.set(template, text)
  return text
}

const TEXTS = new WeakMap<object, string>()

export function versionOf(stored: StoredRevision): string {
  return /version-(\d+)/.exec(textOf(stored))?.[1] ?? ''
}

export function behaviorOf(stored: StoredRevision): Behavior {
  const behaviors: Behavior[] = [
    'wrong',
    'crashing',
    'dying',
    'with-a-sidecar-that-ends',
    'refused',
    'no-image',
    'broken-through-edges',
    'lost-through-edges',
    'impostor',
  ]
  return behaviors.find((behavior) => textOf(stored).includes(behavior)) ?? 'right'
}

export type HousingChanges = Partial<Spec> & {
  behavior?: Behavior
  /** Whether the spec says which file it is. */
  digest?: 'Given' | 'Open'
}

/** The spec of a release of the housing model, through a distribution unless said otherwise. */
export function housing(version: 1 | 2 | 3, changes: HousingChanges = {}): Spec {
  const { behavior = 'right', digest = 'Given', ...rest } = changes
  return {
    replicas: 2,
    port: 8080,
    model: {
      name: 'housing',
      version: `version-${version}`,
      uri: `https://models.example.com/${behavior}/${version}.onnx`,
      ...(digest === 'Given' ? { sha256: digestOf(`version-${version}`) } : {}),
    },
    gates: [knownHouse(PREDICTION[String(version)] ?? 0)],
    traffic: {
      type: 'CloudFrontDistribution',
      cloudFrontDistribution: {
        distributionId: 'E123EXAMPLE',
        behaviors: [{ pathPattern: '*' }],
        origins: { blue: 'housing-blue', green: 'housing-green' },
        verify: {
          type: 'Answers',
          url: 'https://models.example.com/predict',
          method: 'GET',
          consecutive: 3,
          expect: { status: 200, json: [{ path: '$.prediction[0]', equals: PREDICTION[String(version)] }] },
        },
      },
    },
    retireAfterSeconds: 600,
    failedCandidateRetentionSeconds: 0,
    // What is about something else need not wait for it.
    minReadySeconds: 0,
    liveFailurePolicy: 'Tell',
    progressDeadlineSeconds: 600,
    ...rest,
  }
}

/** What was read is never changed in place: whoever tries throws. A copy for each reader would take most of the time. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) frozen(member)
  return Object.freeze(value)
}

/** A gate that asks for the price of a house whose answer is known. */
export function knownHouse(price: number): NonNullable<Spec['gates']>[number] {
  return {
    name: 'known-house',
    smoke: {
      request: { method: 'POST', path: '/predict', json: {} },
      expect: { status: 200, json: [{ path: '$.prediction[0]', equals: price, absoluteTolerance: 0.01 }] },
      consecutive: 1,
      timeoutSeconds: 5,
    },
  }
}

/** The same behind a key that a function of the distribution reads. */
export function housingBehindStore(
  version: 1 | 2 | 3,
  settings: Partial<KeyValueStore> = {},
  changes: HousingChanges = {},
): Spec {
  const spec = housing(version, changes)
  const { cloudFrontDistribution } = spec.traffic
  if (!cloudFrontDistribution) throw new Error('the housing release has a distribution')
  const cloudFrontKeyValueStore = {
    ...cloudFrontDistribution,
    keyValueStoreArn: STORE_ARN,
    key: 'housing',
    ...settings,
  }
  return { ...spec, traffic: { type: 'CloudFrontKeyValueStore', cloudFrontKeyValueStore } }
}

/** The same through a Service pointer. */
export function housingBehindService(version: 1 | 2 | 3, changes: HousingChanges = {}): Spec {
  return housing(version, { traffic: { type: 'Service' }, ...changes })
}

const TOKEN = { secretKeyRef: { name: 'gate-token', key: 'authorization' } }

/** The gates and verify bring a token from a Secret. */
export function withCredential(spec: Spec): Spec {
  const headers = [{ name: 'authorization', valueFrom: TOKEN }]
  const gates = (spec.gates ?? []).map(({ name, smoke }) => ({
    name,
    smoke: { ...smoke, request: { ...smoke.request, headers } },
  }))
  const { cloudFrontDistribution } = spec.traffic
  if (!cloudFrontDistribution) return { ...spec, gates }
  const verify = { ...cloudFrontDistribution.verify, headers }
  return {
    ...spec,
    gates,
    traffic: { ...spec.traffic, cloudFrontDistribution: { ...cloudFrontDistribution, verify } },
  }
}
