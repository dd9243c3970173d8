/** What the operator does with the Kubernetes API: each resource with the verbs it uses, which are the verbs that RBAC grants. */
import { GROUP, PLURAL, VERSION } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import type {
  Budget,
  ConfigMap,
  ControllerRevision,
  Deployment,
  EventObject,
  Lease,
  Pod,
  Secret,
  Service,
} from './objects.ts'

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete'

/** A kind of API object (or a subresource), the type that it is read as, and all that is ever done with it. */
export interface Resource<T = unknown> {
  /** API group; empty for the core group. */
  group: string
  version: string
  plural: string
  subresource?: string
  verbs: readonly Verb[]
  /** Never set: it carries the type. */
  readAs?: T
}

export const RELEASES: Resource<ModelRelease> = {
  group: GROUP,
  version: VERSION,
  plural: PLURAL,
  verbs: ['get'],
}
export const RELEASE_STATUS: Resource = { ...RELEASES, subresource: 'status', verbs: ['update'] }
export const DEPLOYMENTS: Resource<Deployment> = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  verbs: ['get', 'create', 'patch', 'delete'],
}
export const CONTROLLER_REVISIONS: Resource<ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  verbs: ['get', 'list', 'create', 'patch', 'delete'],
}
/** Pins of digests, and what pods get their settings from, by their names: nothing is listed, watched or updated. */
export const CONFIG_MAPS: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  verbs: ['get', 'create', 'patch', 'delete'],
}
export const SERVICES: Resource<Service> = {
  group: '',
  version: 'v1',
  plural: 'services',
  verbs: ['get', 'list', 'create', 'patch'],
}
/** Of policy/v1beta1 before Kubernetes 1.21: see cluster-budgets.ts. */
export const BUDGETS: Resource<Budget> = {
  group: 'policy',
  version: 'v1',
  plural: 'poddisruptionbudgets',
  verbs: ['list', 'create', 'patch', 'delete'],
}
export const PODS: Resource<Pod> = { group: '', version: 'v1', plural: 'pods', verbs: ['list'] }
export const POD_LOGS: Resource = {
  group: '',
  version: 'v1',
  plural: 'pods',
  subresource: 'log',
  verbs: ['get'],
}
export const EVENTS: Resource<EventObject> = {
  group: '',
  version: 'v1',
  plural: 'events',
  verbs: ['get', 'create', 'patch'],
}
/** Only those that a Role in the namespace of a release names; nothing grants them to begin with. */
export const SECRETS: Resource<Secret> = { group: '', version: 'v1', plural: 'secrets', verbs: ['get'] }
/** Claims, and the lease of the leader; both only in the operator's own namespace. */
export const LEASES: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  verbs: ['get', 'list', 'create', 'update', 'delete'],
}

const LIST_WATCH: readonly Verb[] = ['list', 'watch']

/** What the runtime watches to know when to look again: releases and the children whose changes matter. */
export const WATCHED: readonly Resource[] = [
  { ...RELEASES, verbs: LIST_WATCH },
  { ...DEPLOYMENTS, verbs: LIST_WATCH },
  { ...PODS, verbs: LIST_WATCH },
  { ...SERVICES, verbs: LIST_WATCH },
]

/** Used in every namespace. */
export const CLUSTER_WIDE: readonly Resource[] = [
  RELEASES,
  RELEASE_STATUS,
  DEPLOYMENTS,
  CONTROLLER_REVISIONS,
  CONFIG_MAPS,
  SERVICES,
  BUDGETS,
  PODS,
  POD_LOGS,
  EVENTS,
  ...WATCHED,
]

/** Used where a Role of the namespace grants it, by name; see manifests/credentials-role.yaml. */
export const OPTED_IN: readonly Resource[] = [SECRETS]

/** Used in the operator's own namespace only. */
export const OWN_NAMESPACE: readonly Resource[] = [LEASES]

/** As RBAC and kubectl write it: `deployments.apps`, `pods/log`. */
export function resourceText({ group, plural, subresource }: Resource): string {
  return `${plural}${group === '' ? '' : `.${group}`}${subresource ? `/${subresource}` : ''}`
}

/** Where one object, or without a name the whole collection, of a namespace is. */
export interface Place {
  namespace: string
  name?: string
}

/** Path in the API server, with query. */
export function pathOf(resource: Resource, { namespace, name }: Place, query: Query = {}): string {
  const root =
    resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`
  const parts = [root, 'namespaces', encodeURIComponent(namespace), resource.plural]
  if (name !== undefined) parts.push(encodeURIComponent(name))
  if (resource.subresource) parts.push(resource.subresource)
  const text = new URLSearchParams(query).toString()
  return `${parts.join('/')}${text === '' ? '' : `?${text}`}`
}

export type Query = Record<string, string>
