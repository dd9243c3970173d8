/** The child objects of a release, as plain Kubernetes API objects. */
import {
  ANNOTATION,
  API_VERSION,
  IDENTITY_ENV,
  KIND,
  LABEL,
  MANAGER,
  SERVICE_PORT,
  colorName,
  colorSelector,
  pinName,
  revisionName,
  type Color,
} from '../../api/names.ts'
import { deletionPolicyOf, type ModelRelease, type Spec } from '../../api/release.ts'
import { podsOf, type AttemptName } from '../model/revision.ts'
import type { Ownership, StoredRevision } from '../model/observation.ts'

type Json = Record<string, unknown>
type Container = Json & {
  name?: string
  env?: (Json & { name?: string })[]
  ports?: { containerPort?: number }[]
}
type Template = { metadata?: Json & { labels?: Json }; spec?: Json & { containers?: Container[] } }

export interface Manifest {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace: string
    labels: Record<string, string>
    annotations?: Record<string, string>
    ownerReferences?: Json[]
  }
}

/** Time that a pod gets to finish what it is doing: longer than the model server's drain and its slowest answer. */
const GRACE_SECONDS = 60

/** How long the drain announces itself before the server stops accepting; proxies and kube-proxy follow meanwhile. */
const DRAIN_DELAY_MILLISECONDS = 5000

/** The variable of the model server that says so. */
export const DRAIN_DELAY = 'DRAIN_DELAY_MS'

const MAX_PORT = 65_535

/** The ownerReference of a child that goes when its release goes. */
export function ownerOf(release: ModelRelease): Json {
  const { name, uid } = release.metadata
  return { apiVersion: API_VERSION, kind: KIND, name, uid, controller: true, blockOwnerDeletion: false }
}

function metadataOf(
  release: ModelRelease,
  name: string,
  ownership: Ownership,
  labels: Record<string, string> = {},
): Manifest['metadata'] {
  return {
    name,
    namespace: release.metadata.namespace,
    labels: { [LABEL.name]: release.metadata.name, [LABEL.managedBy]: MANAGER, ...labels },
    ...(ownership === 'Owned' ? { ownerReferences: [ownerOf(release)] } : {}),
  }
}

function probe(path: string, port: number, periodSeconds: number, failureThreshold: number): Json {
  return { httpGet: { path, port }, periodSeconds, timeoutSeconds: 5, failureThreshold }
}

/** The only digest that the model server loads. */
const DIGEST_ENV = 'MODEL_SHA256'

/** Where the digest stands in the ConfigMap that pins it. */
const PIN_KEY = 'sha256'

/**
 * The digest that the spec names. Where it names none, a pod loads what it finds until the revision is proven, and from then
 * on what it was proven with: it reads the pin whenever its container starts.
 */
function digestVariable(sha256: string | undefined, pin: string): Json {
  if (sha256) return { name: DIGEST_ENV, value: sha256 }
  const configMapKeyRef = { name: pin, key: PIN_KEY, optional: true }
  return { name: DIGEST_ENV, valueFrom: { configMapKeyRef } }
}

/** The ConfigMap that pods of a template read the digest of their model from. */
export function pinReadBy(template: Json): string | undefined {
  const variables = containersOf(template).flatMap(({ env }) => listOf(env))
  const { valueFrom } = variables.find(({ name }) => name === DIGEST_ENV) ?? {}
  return (valueFrom as { configMapKeyRef?: { name?: string } } | undefined)?.configMapKeyRef?.name
}

type ModelTemplateInput = {
  model: NonNullable<Spec['model']>
  port: number
  defaultImage: string
  /** Name of the ConfigMap that pins the digest. */
  pin: string
}

/** Pods of a model: the model server told which model, with the hardening that its image supports. */
function modelTemplate({ model, port, defaultImage, pin }: ModelTemplateInput): Json {
  // Metrics have a port of their own: what a distribution forwards is the other one.
  const opsPort = port < MAX_PORT ? port + 1 : port - 1
  const env: Json[] = [
    { name: 'PORT', value: String(port) },
    { name: 'OPS_PORT', value: String(opsPort) },
    { name: 'MODEL_NAME', value: model.name },
    { name: 'MODEL_VERSION', value: model.version },
    { name: 'MODEL_URI', value: model.uri },
    digestVariable(model.sha256, pin),
    ...(model.basePath ? [{ name: 'BASE_PATH', value: model.basePath }] : []),
    { name: DRAIN_DELAY, value: String(DRAIN_DELAY_MILLISECONDS) },
    ...(model.env ?? []),
  ]
  const container: Json = {
    name: 'model-server',
    image: model.serverImage ?? defaultImage,
    imagePullPolicy: 'IfNotPresent',
    env,
    ports: [
      { name: 'http', containerPort: port },
      { name: 'ops', containerPort: opsPort },
    ],
    // What it says when it cannot start is then told with its end.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    // On the port that no user reaches, where a thread of its own answers: whoever fills the other one with connections, or the
    // process with work, must not have the pod taken for broken or restarted.
    readinessProbe: probe('/v2/health/ready', opsPort, 1, 2),
    livenessProbe: probe('/v2/health/live', opsPort, 10, 6),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    },
    ...(model.resources ? { resources: model.resources } : {}),
  }
  const optional = {
    serviceAccountName: model.serviceAccountName,
    imagePullSecrets: model.imagePullSecrets,
    nodeSelector: model.nodeSelector,
    tolerations: model.tolerations,
  }
  return {
    spec: {
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [container],
    },
  }
}

/**
 * What this release renders today, to be stored once and re-applied unchanged ever after. Pods of a revision that was
 * stored before are taken as they were: only the gates may be new.
 */
export function renderRevision(
  release: ModelRelease,
  { id, revision }: AttemptName,
  before: StoredRevision | undefined,
  defaults: { serverImage: string },
): StoredRevision {
  const { spec, metadata } = release
  const template = spec.model
    ? modelTemplate({
        model: spec.model,
        port: spec.port,
        defaultImage: defaults.serverImage,
        pin: pinName(metadata.name, revision),
      })
    : (structuredClone(spec.template) as Json)
  return {
    attempt: id,
    revision,
    pods: podsOf(spec),
    generation: metadata.generation,
    template: before?.template ?? template,
    port: spec.port,
    gates: spec.gates ?? [],
    identity: spec.model ? 'Headers' : 'None',
  }
}

/** The container that users reach: the one that declares the port, otherwise the first. */
export function servingContainer(template: Json, port: number): Container | undefined {
  const containers = containersOf(template)
  return (
    containers.find((one) => listOf(one.ports).some((entry) => entry.containerPort === port)) ?? containers[0]
  )
}

/** The containers of a template, which is the user's: whatever is no list of objects is none. */
export function containersOf(template: Json): Container[] {
  return listOf((template as Template).spec?.containers)
}

function listOf<T extends object>(value: T[] | undefined): T[] {
  return Array.isArray(value)
    ? value.filter((one) => typeof one === 'object' && (one as object | null) !== null)
    : []
}

/** The container is told who it is; what the user set under these names stays the user's. */
function withIdentity(container: Container, identity: { name: string; value: string }[]): Container {
  const own = new Set((container.env ?? []).map((entry) => entry.name))
  const added = identity.filter((entry) => !own.has(entry.name))
  return { ...container, env: [...(container.env ?? []), ...added] }
}

/**
 * The pod template of a color. What is added here is looked for in what stands (template-edits.ts), be it made by an earlier
 * version: a name that is new here must not be missed there.
 */
export function podTemplateOf(release: string, color: Color, stored: StoredRevision): Json {
  const template = stored.template as Template
  const identity = [
    { name: IDENTITY_ENV.name, value: release },
    { name: IDENTITY_ENV.color, value: color },
    { name: IDENTITY_ENV.revision, value: stored.revision },
  ]
  const labels = {
    ...template.metadata?.labels,
    ...colorSelector(release, color),
    [LABEL.revision]: stored.revision,
    [LABEL.managedBy]: MANAGER,
  }
  const containers = (template.spec?.containers ?? []).map((one) => withIdentity(one, identity))
  return {
    ...template,
    metadata: { ...template.metadata, labels },
    spec: { ...template.spec, containers },
  }
}

/** Somebody's edit of the Deployment itself must not take a serving pod away before its successor is ready. */
export const GENTLE_STRATEGY = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }

export interface DeploymentInput {
  release: ModelRelease
  color: Color
  stored: StoredRevision
  replicas: number
  ownership: Ownership
}

/** The Deployment of one color at one revision. */
export function deploymentOf({
  release,
  color,
  stored,
  replicas,
  ownership,
}: DeploymentInput): Manifest & { spec: Json } {
  const name = release.metadata.name
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(release, colorName(name, color), ownership, {
      [LABEL.color]: color,
      [LABEL.revision]: stored.revision,
    }),
    spec: {
      replicas,
      revisionHistoryLimit: 0,
      strategy: GENTLE_STRATEGY,
      selector: { matchLabels: colorSelector(name, color) },
      template: podTemplateOf(name, color, stored),
    },
  }
}

export interface ColorServiceInput {
  release: ModelRelease
  color: Color
  targetPort: number
  origin: string
  ownership: Ownership
}

/** The Service of one color; its selector and its port never change. */
export function colorServiceOf({
  release,
  color,
  targetPort,
  origin,
  ownership,
}: ColorServiceInput): Manifest & { spec: Json } {
  const name = release.metadata.name
  const metadata = metadataOf(release, colorName(name, color), ownership, { [LABEL.color]: color })
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...metadata, annotations: { [ANNOTATION.origin]: origin } },
    spec: servicePorts(name, color, targetPort),
  }
}

export interface BudgetInput {
  release: ModelRelease
  color: Color
  ownership: Ownership
  /** Of the API group policy. */
  version: string
}

/**
 * What keeps a drain of nodes from taking more than one pod of a color at a time. `maxUnavailable`, since it goes with any number
 * of pods: `minAvailable: 1` of one pod would hold up a drain for ever.
 */
export function budgetOf({ release, color, ownership, version }: BudgetInput): Manifest & { spec: Json } {
  const name = release.metadata.name
  return {
    apiVersion: `policy/${version}`,
    kind: 'PodDisruptionBudget',
    metadata: metadataOf(release, colorName(name, color), ownership, { [LABEL.color]: color }),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: colorSelector(name, color) },
      // Pods that are not ready serve nobody, and must hold up no drain. An API server older than 1.26 drops it.
      ...(version === 'v1' ? { unhealthyPodEvictionPolicy: 'AlwaysAllow' } : {}),
    },
  }
}

/** Name of the Service that users reach when the pointer is a Service. */
export function pointerServiceName(release: ModelRelease): string {
  return release.spec.traffic.service?.name ?? release.metadata.name
}

/** The pointer Service: ClusterIP always, since a load balancer behind a moving selector drops requests. */
export function pointerServiceOf(
  release: ModelRelease,
  color: Color,
  targetPort: number,
): Manifest & { spec: Json } {
  const ownership = deletionPolicyOf(release.spec) === 'Delete' ? 'Owned' : 'Free'
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(release, pointerServiceName(release), ownership),
    spec: servicePorts(release.metadata.name, color, targetPort),
  }
}

function servicePorts(release: string, color: Color, targetPort: number): Json {
  return {
    type: 'ClusterIP',
    selector: colorSelector(release, color),
    ports: [{ name: 'http', port: SERVICE_PORT, targetPort, protocol: 'TCP' }],
  }
}

export interface PinInput {
  revision: string
  /** Lower-case hex. */
  digest: string
  ownership: Ownership
}

/**
 * The ConfigMap that pins the digest of a revision's model. Kubelets watch no object that is immutable; API servers before
 * 1.21 may drop the field.
 */
export function digestPinOf(
  release: ModelRelease,
  { revision, digest, ownership }: PinInput,
): Manifest & { immutable: true; data: Record<string, string> } {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadataOf(release, pinName(release.metadata.name, revision), ownership, {
      [LABEL.revision]: revision,
    }),
    immutable: true,
    data: { [PIN_KEY]: digest },
  }
}

/** What a ConfigMap pins; empty where it is none of ours. */
export function pinnedBy(data: Record<string, string> | undefined): string {
  return data?.[PIN_KEY] ?? ''
}

/** The ControllerRevision that keeps a rendered revision. */
export function storedRevisionOf(
  release: ModelRelease,
  stored: StoredRevision,
  ownership: Ownership = deletionPolicyOf(release.spec) === 'Delete' ? 'Owned' : 'Free',
): Manifest & { revision: number; data: StoredRevision } {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: metadataOf(release, revisionName(release.metadata.name, stored.attempt), ownership, {
      [LABEL.revision]: stored.revision,
    }),
    // The API wants a number; ours is the name.
    revision: stored.generation,
    data: stored,
  }
}
