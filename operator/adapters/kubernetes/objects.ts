/** The parts of Kubernetes objects that we read, as JSON brings them. */

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  [other: string]: unknown
}

export interface Metadata {
  name: string
  namespace: string
  uid: string
  resourceVersion: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
  managedFields?: { manager?: string; operation?: string; fieldsV1?: Record<string, unknown> }[]
}

export interface ApiObject {
  metadata: Metadata
}

export interface ConfigMap extends ApiObject {
  data?: Record<string, string>
  binaryData?: Record<string, string>
}

export interface Secret extends ApiObject {
  data?: unknown
}

export interface ApiCondition {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string
}

export interface Deployment extends ApiObject {
  spec: {
    replicas?: number
    selector?: { matchLabels?: Record<string, string>; matchExpressions?: unknown[] }
    strategy?: { type?: string; rollingUpdate?: { maxUnavailable?: number | string } }
    template?: { metadata?: { labels?: Record<string, string> }; [member: string]: unknown }
  }
  status?: { observedGeneration?: number; replicas?: number; conditions?: ApiCondition[] }
}

export interface Termination {
  exitCode: number
  signal?: number
  reason?: string
  message?: string
  startedAt?: string
  finishedAt?: string
}

export interface ContainerState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt?: string }
  terminated?: Termination
}

export interface ContainerStatus {
  name: string
  ready: boolean
  restartCount: number
  state?: ContainerState
  lastState?: ContainerState
}

export interface PodContainer {
  name: string
  ports?: { name?: string; containerPort: number }[]
  readinessProbe?: {
    httpGet?: HttpGet
    tcpSocket?: { port: number | string }
    grpc?: { port: number }
    exec?: { command?: string[] }
  }
}

export interface HttpGet {
  path?: string
  port: number | string
  host?: string
  scheme?: string
  httpHeaders?: { name: string; value: string }[]
}

export interface Pod extends ApiObject {
  spec: { containers: PodContainer[] }
  status?: {
    phase?: string
    startTime?: string
    podIP?: string
    conditions?: ApiCondition[]
    initContainerStatuses?: ContainerStatus[]
    containerStatuses?: ContainerStatus[]
  }
}

export interface ServicePort {
  name?: string
  port: number
  targetPort?: number | string
  [other: string]: unknown
}

export interface Service extends ApiObject {
  spec: {
    clusterIP?: string
    type?: string
    selector?: Record<string, string>
    ports?: ServicePort[]
    publishNotReadyAddresses?: boolean
  }
}

/** A LabelSelector; its terms all have to hold. */
export interface LabelSelector {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}

/** A PodDisruptionBudget. */
export interface Budget extends ApiObject {
  spec?: {
    minAvailable?: number | string
    maxUnavailable?: number | string
    selector?: LabelSelector | null
    unhealthyPodEvictionPolicy?: string
  }
}

export interface ControllerRevision extends ApiObject {
  data?: unknown
}

export interface Lease extends ApiObject {
  spec?: { holderIdentity?: string }
}

export interface EventObject extends ApiObject {
  count?: number
}

/** What the API server answers when it says no. */
export interface ApiStatus {
  reason?: string
  message?: string
  details?: { causes?: { reason?: string; message?: string; field?: string }[] }
}
