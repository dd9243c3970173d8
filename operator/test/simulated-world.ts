/**
 * A world that behaves: pods become ready after a while, edges follow the pointer one by one, answers come from whatever
 * stands behind them. Time is virtual; every write can be made to crash the operator or to meet a conflict.
 */
import { COLORS, IDENTITY_HEADER, SERVICE_PORT, colorName, type Color } from '../api/names.ts'
import type { ModelRelease, Spec, Status } from '../api/release.ts'
import type { Happening } from '../core/happenings.ts'
import { pointerServiceName } from '../core/manifests.ts'
import type {
  Answer,
  ClaimReading,
  ColorState,
  Ownership,
  PodState,
  PointerReading,
  Step,
  StoredRevision,
} from '../core/world.ts'
import { ConflictError, RefusedError } from '../edges/errors.ts'
import type { Ask, Claims, Cluster, Pointer } from '../edges/ports.ts'

type StepOf<T extends Step['type']> = Extract<Step, { type: T }>

/** What the containers of a revision do; told by the model's uri or the image's name, as a user would choose them. */
export type Behavior = 'right' | 'wrong' | 'crashing' | 'broken-through-edges'

export class CrashError extends Error {
  override readonly name = 'CrashError'
}

export interface Fault {
  /** Which write, counted from 0 over the whole life of the world. */
  atWrite: number
  kind: 'crash before' | 'crash after' | 'conflict'
}

interface Deployment {
  uid: string
  resourceVersion: number
  stored: StoredRevision
  replicas: number
  ownership: Ownership
}

interface Pod {
  name: string
  ip: string
  color: Color
  stored: StoredRevision
  readyAt: number
  /** Set when the pod was told to end; it is gone at that time. */
  goneAt?: number
  sick?: 'Yes'
}

const READY_AFTER_MS = 2000
const GONE_AFTER_MS = 1000
const EDGE_DELAYS_MS = [1000, 3000, 6000]
/** The answer of a housing model to the known house, by its version. */
const PREDICTION: Record<string, number> = { '1': 30.72, '2': 26.93, '3': 21.1 }
const WRONG_PREDICTION = 99

export interface SimulationOptions {
  spec: Spec
  fault?: Fault
}

export class SimulatedWorld implements Cluster {
  now = Date.parse('2026-01-01T00:00:00Z')
  generation = 1
  spec: Spec
  status: Status | undefined
  annotations: Record<string, string> = {}
  /** Everything written, in order, for counting and for assertions. */
  readonly writes: string[] = []
  readonly happenings: Happening[] = []
  readonly deployments: Partial<Record<Color, Deployment>> = {}
  readonly services: Partial<Record<Color, { targetPort: number; origin: string; ownership: Ownership }>> = {}
  pods: Pod[] = []
  stored: StoredRevision[] = []
  /** What the pointer names per part, and what each edge follows and when. */
  pointer: {
    targets: Record<string, string>
    version: number
    edges: Record<string, string>[]
    due: { at: number; edge: number; targets: Record<string, string> }[]
  }
  claimedBy: string | undefined
  /** Times at which something happens by itself. */
  private serial = 0
  private resourceVersion = 1
  private readonly fault: Fault | undefined

  constructor({ spec, fault }: SimulationOptions) {
    this.spec = spec
    this.fault = fault
    const distribution = spec.traffic.cloudFrontDistribution
    const targets = distribution
      ? Object.fromEntries(
          distribution.behaviors.map(({ pathPattern }) => [pathPattern, distribution.origins.blue]),
        )
      : {}
    this.pointer = { targets, version: 1, edges: EDGE_DELAYS_MS.map(() => ({ ...targets })), due: [] }
  }

  // ---- What users and other writers do -----------------------------------------------------------------------------

  apply(spec: Spec): void {
    this.spec = spec
    this.generation += 1
    this.resourceVersion += 1
  }

  command(verb: string, nonce: string): void {
    this.annotations = { 'modelrelease.io/command': `${verb}/${this.status?.attempt?.id ?? ''}/${nonce}` }
  }

  wipeStatus(): void {
    this.status = undefined
  }

  /** Another writer moves the pointer of every behavior. */
  pointElsewhere(target: string): void {
    this.setPointer(Object.fromEntries(Object.keys(this.pointer.targets).map((part) => [part, target])))
  }

  deleteDeployment(color: Color): void {
    Reflect.deleteProperty(this.deployments, color)
    this.endPods(color)
  }

  sicken(color: Color): void {
    for (const pod of this.pods) if (pod.color === color) pod.sick = 'Yes'
  }

  // ---- Time --------------------------------------------------------------------------------------------------------

  /** The next time at which something happens by itself. */
  nextEvent(): number | undefined {
    const times = [
      ...this.pods.flatMap((pod) => [pod.readyAt, pod.goneAt ?? 0]),
      ...this.pointer.due.map(({ at }) => at),
    ].filter((at) => at > this.now && Number.isFinite(at))
    return times.length > 0 ? Math.min(...times) : undefined
  }

  advanceTo(instant: number): void {
    this.now = Math.max(this.now, instant)
    this.pods = this.pods.filter((pod) => pod.goneAt === undefined || pod.goneAt > this.now)
    for (const { edge, targets } of this.pointer.due.filter(({ at }) => at <= this.now))
      this.pointer.edges[edge] = targets
    this.pointer.due = this.pointer.due.filter(({ at }) => at > this.now)
  }

  // ---- What users get ----------------------------------------------------------------------------------------------

  /** The answer that a user gets at every edge right now, for the invariants: which model version, or why none. */
  userAnswers(): string[] {
    const edges = this.spec.traffic.type === 'Service' ? [this.pointer.targets] : this.pointer.edges
    return edges.map((targets) => {
      const color = this.colorNamed(Object.values(targets)[0] ?? '')
      if (!color) return 'nothing is named'
      const pod = this.servingPods(color)[0]
      return pod ? `version ${versionOf(pod.stored)}` : `no pod behind ${color}`
    })
  }

  /** What stands in a color, in the words of the user. */
  describe(color: Color): string {
    const stored = this.deployments[color]?.stored
    return stored ? `version ${versionOf(stored)} (${behaviorOf(stored)})` : 'nothing'
  }

  private colorNamed(name: string): Color | undefined {
    const marks = COLORS.map(
      (color) =>
        [
          color,
          this.services[color]?.origin.split('/')[1] ??
            this.spec.traffic.cloudFrontDistribution?.origins[color] ??
            color,
        ] as const,
    )
    return marks.find(([, mark]) => mark === name)?.[0]
  }

  private servingPods(color: Color): Pod[] {
    return this.services[color] ? this.pods.filter((pod) => pod.color === color && this.isReady(pod)) : []
  }

  private isReady(pod: Pod): boolean {
    return pod.goneAt === undefined && pod.readyAt <= this.now && pod.sick === undefined
  }

  // ---- Faults ------------------------------------------------------------------------------------------------------

  /** Every write passes here, so that a fault can be put at any of them. */
  private async write(what: string, effect: () => void): Promise<void> {
    const number = this.writes.length
    const kind = this.fault?.atWrite === number ? this.fault.kind : undefined
    this.writes.push(what)
    await Promise.resolve()
    if (kind === 'crash before') throw new CrashError(what)
    if (kind === 'conflict') throw new ConflictError(`somebody changed it: ${what}`)
    effect()
    if (kind === 'crash after') throw new CrashError(what)
  }

  // ---- Cluster -----------------------------------------------------------------------------------------------------

  release(): Promise<ModelRelease> {
    return Promise.resolve(
      structuredClone({
        metadata: {
          name: 'housing',
          namespace: 'models',
          uid: 'uid-1',
          generation: this.generation,
          resourceVersion: String(this.resourceVersion),
          annotations: this.annotations,
        },
        spec: this.spec,
        ...(this.status ? { status: this.status } : {}),
      }),
    )
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
              leaving: 'No',
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
    }
  }

  private podState(pod: Pod): PodState {
    const ready = pod.goneAt === undefined ? (this.isReady(pod) ? 'Yes' : 'No') : 'Terminating'
    const crashing = behaviorOf(pod.stored) === 'crashing'
    return {
      name: pod.name,
      ip: pod.ip,
      revision: pod.stored.revision,
      ready,
      ...(crashing ? { trouble: { reason: 'CrashLoopBackOff', message: 'exited with code 2' } } : {}),
    }
  }

  revisions(): Promise<StoredRevision[]> {
    return Promise.resolve(structuredClone(this.stored))
  }

  storeRevision(_release: ModelRelease, { stored }: StepOf<'StoreRevision'>): Promise<void> {
    return this.write(`store ${stored.attempt}`, () => {
      if (!this.stored.some((one) => one.attempt === stored.attempt)) this.stored.push(stored)
    })
  }

  forgetRevision(_release: ModelRelease, { attempt }: StepOf<'ForgetRevision'>): Promise<void> {
    return this.write(`forget ${attempt}`, () => {
      this.stored = this.stored.filter((one) => one.attempt !== attempt)
    })
  }

  createWorkload(
    _release: ModelRelease,
    { color, stored, replicas, ownership }: StepOf<'CreateWorkload'>,
  ): Promise<void> {
    return this.write(`create ${color}`, () => {
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
      deployment.replicas = replicas
      deployment.resourceVersion += 1
      this.fill(color)
    })
  }

  /** The Deployment controller: as many pods as wanted. */
  private fill(color: Color): void {
    const deployment = this.deployments[color]
    if (!deployment) return
    const pods = this.pods.filter((pod) => pod.color === color && pod.goneAt === undefined)
    for (const pod of pods.slice(deployment.replicas)) pod.goneAt = this.now + GONE_AFTER_MS
    for (let count = pods.length; count < deployment.replicas; count += 1) {
      this.serial += 1
      const readyAt = behaviorOf(deployment.stored) === 'crashing' ? Infinity : this.now + READY_AFTER_MS
      this.pods.push({
        name: `pod-${this.serial}`,
        ip: `pod-${this.serial}`,
        color,
        stored: deployment.stored,
        readyAt,
      })
    }
  }

  removeWorkload(_release: ModelRelease, { color, uid }: StepOf<'RemoveWorkload'>): Promise<void> {
    return this.write(`remove ${color}`, () => {
      if (this.deployments[color]?.uid !== uid) throw new ConflictError('it is another one')
      this.deleteDeployment(color)
    })
  }

  private endPods(color: Color): void {
    for (const pod of this.pods) if (pod.color === color) pod.goneAt ??= this.now + GONE_AFTER_MS
  }

  applyColorService(
    _release: ModelRelease,
    { color, targetPort, origin, ownership }: StepOf<'ApplyColorService'>,
  ): Promise<void> {
    return this.write(`apply Service ${colorName('housing', color)}`, () => {
      this.services[color] = { targetPort, origin, ownership }
    })
  }

  setOwnership(_release: ModelRelease, { color, of, ownership }: StepOf<'SetOwnership'>): Promise<void> {
    return this.write(`make ${of} ${color} ${ownership}`, () => {
      const object = of === 'Deployment' ? this.deployments[color] : this.services[color]
      if (object) object.ownership = ownership
    })
  }

  logs(): Promise<string> {
    return Promise.resolve('last words')
  }

  writeStatus(_release: ModelRelease, status: Status): Promise<void> {
    return this.write('status', () => {
      this.status = structuredClone(status)
      this.resourceVersion += 1
    })
  }

  record(_release: ModelRelease, happening: Happening): Promise<void> {
    this.happenings.push(happening)
    return Promise.resolve()
  }

  // ---- Pointer -----------------------------------------------------------------------------------------------------

  readonly pointerPort: Pointer = {
    read: () => Promise.resolve(this.readPointer()),
    move: (release, step) => this.movePointer(release, step),
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

  private readPointer(): PointerReading {
    const targets = Object.entries(this.pointer.targets).map(([part, names]) => ({ part, names }))
    if (this.spec.traffic.type === 'Service' && targets.length === 0) return { type: 'Absent' }
    return {
      type: 'Read',
      token: `v${this.pointer.version}`,
      targets,
      origins: this.spec.traffic.type === 'Service' ? ['blue', 'green'] : ['housing-blue', 'housing-green'],
      settled: this.pointer.due.length === 0 ? 'Yes' : 'No',
      timeoutSeconds: 30,
    }
  }

  private movePointer(release: ModelRelease, { names, token, to }: StepOf<'MovePointer'>): Promise<void> {
    return this.write(`point at ${to}`, () => {
      const reading = this.readPointer()
      if ((reading.type === 'Read' ? reading.token : 'absent') !== token)
        throw new ConflictError('the pointer changed')
      const parts = release.spec.traffic.cloudFrontDistribution?.behaviors.map(
        ({ pathPattern }) => pathPattern,
      ) ?? [`Service ${pointerServiceName(release)}`]
      this.setPointer(Object.fromEntries(parts.map((part) => [part, names])))
    })
  }

  private setPointer(targets: Record<string, string>): void {
    this.pointer.targets = targets
    this.pointer.version += 1
    if (this.spec.traffic.type === 'Service') return
    this.pointer.due.push(...EDGE_DELAYS_MS.map((delay, edge) => ({ at: this.now + delay, edge, targets })))
  }

  // ---- HTTP --------------------------------------------------------------------------------------------------------

  readonly ask: Ask = ({ url }) => Promise.resolve(this.answer(new URL(url)))

  private answer({ hostname, port, pathname }: URL): Answer {
    const pod = this.podBehind(hostname, port)
    if (!pod) return { type: 'NoAnswer', message: `connection to ${hostname} refused` }
    const behavior = behaviorOf(pod.stored)
    const throughEdges = hostname === 'models.example.com'
    const wrong = behavior === 'wrong' || (behavior === 'broken-through-edges' && throughEdges)
    const prediction = wrong ? WRONG_PREDICTION : (PREDICTION[versionOf(pod.stored)] ?? 0)
    return {
      type: 'Answered',
      status: pathname.startsWith('/missing') ? 404 : 200,
      headers:
        pod.stored.identity === 'Headers'
          ? {
              [IDENTITY_HEADER.revision]: pod.stored.revision,
              [IDENTITY_HEADER.color]: pod.color,
              [IDENTITY_HEADER.digest]: `sha256:${versionOf(pod.stored)}`,
            }
          : {},
      body: JSON.stringify({ prediction: [prediction] }),
      latencyMs: 1,
    }
  }

  private podBehind(hostname: string, port: string): Pod | undefined {
    if (hostname === 'models.example.com') {
      const targets =
        this.pointer.edges.find((_, edge) => this.pointer.due.some((one) => one.edge === edge)) ??
        this.pointer.edges[0]
      const color = this.colorNamed(Object.values(targets ?? {})[0] ?? '')
      return color && this.servingPods(color)[0]
    }
    const color = COLORS.find(
      (one) => hostname === `service-${one}` && (port === '' || Number(port) === SERVICE_PORT),
    )
    if (color) return this.servingPods(color)[0]
    return this.pods.find((pod) => pod.ip === hostname && this.isReady(pod))
  }
}

/** The template is the user's, so its shape is looked up rather than typed. */
function textOf(stored: StoredRevision): string {
  return JSON.stringify(stored.template)
}

function versionOf(stored: StoredRevision): string {
  return /version-(\d+)/.exec(textOf(stored))?.[1] ?? ''
}

function behaviorOf(stored: StoredRevision): Behavior {
  const behaviors: Behavior[] = ['wrong', 'crashing', 'broken-through-edges']
  return behaviors.find((behavior) => textOf(stored).includes(behavior)) ?? 'right'
}

/** The spec of a release of the housing model, through a distribution unless said otherwise. */
export function housing(version: 1 | 2 | 3, changes: Partial<Spec> & { behavior?: Behavior } = {}): Spec {
  const { behavior = 'right', ...rest } = changes
  return {
    replicas: 2,
    port: 8080,
    model: {
      name: 'housing',
      version: `version-${version}`,
      uri: `https://models.example.com/${behavior}/${version}.onnx`,
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
    progressDeadlineSeconds: 600,
    ...rest,
  }
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

/** The same through a Service pointer. */
export function housingBehindService(
  version: 1 | 2 | 3,
  changes: Partial<Spec> & { behavior?: Behavior } = {},
): Spec {
  return housing(version, { traffic: { type: 'Service' }, ...changes })
}
