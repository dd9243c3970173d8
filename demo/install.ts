/** Puts the operator into a cluster as its manifests say, with an AWS that is a program on this machine. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load, loadAll } from 'js-yaml'
import { ROOT } from './program.ts'

export const OPERATOR_NAMESPACE = 'modelrelease-system'
export const OPERATOR = 'modelrelease-operator'
export const CRD = 'modelreleases.modelrelease.io'

/** Images that the demo builds, by the tags that the manifests name. */
export const IMAGES = [
  { tag: 'modelrelease/operator:dev', dockerfile: 'Dockerfile.operator', context: '.' },
  { tag: 'modelrelease/model-server:dev', dockerfile: 'Dockerfile.server', context: '.' },
  {
    tag: 'modelrelease/plain-http:dev',
    dockerfile: 'examples/plain-http/Dockerfile',
    context: 'examples/plain-http',
  },
] as const

export const PLAIN_IMAGE = 'modelrelease/plain-http:dev'

export type Manifest = { kind: string; metadata: { name: string; namespace?: string }; spec?: unknown }
type Container = { envFrom?: unknown[]; readinessProbe?: object }
type Deployment = Manifest & { spec: { template: { spec: { containers: Container[] } } } }

/** Further environment variables of the operator, by name. */
export type OperatorSettings = Readonly<Record<string, string>>

/** The name by which pods use each image, by its tag; a tag that is not in there is its own name. */
export type ImageNames = ReadonlyMap<string, string>

type OperatorOptions = {
  /** Where the operator finds CloudFront. */
  endpoint: string
  settings?: OperatorSettings | undefined
  images?: ImageNames
}

/** What `kubectl apply -f` takes: the shipped manifests, and a Secret that leads the operator to `endpoint`. */
export function operatorManifests({ endpoint, settings = {}, images = new Map() }: OperatorOptions): {
  apiVersion: string
  kind: string
  items: Manifest[]
} {
  const shipped = shippedObjects()
  // The Secret first: a pod that misses it waits long before it looks again.
  const [deployments, rest] = [
    shipped.filter(({ kind }) => kind === 'Deployment'),
    shipped.filter(({ kind }) => kind !== 'Deployment'),
  ]
  const items = [
    ...rest,
    awsSecret(endpoint, settings),
    ...deployments.map((one) => withImages(withLocalAws(one as Deployment), images)),
  ]
  return { apiVersion: 'v1', kind: 'List', items }
}

/** Namespaces, and the objects that lie in none, as `kind/name`; what lies in a namespace goes with it. */
export function clusterWide(items: readonly Manifest[]): string[] {
  return items
    .filter(({ metadata }) => metadata.namespace === undefined)
    .map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`)
}

/** The same with the names of images that pods can use, wherever a tag of ours stands. */
function withImages<T>(value: T, images: ImageNames): T {
  const rename = (_: string, member: unknown): unknown =>
    typeof member === 'string' ? (images.get(member) ?? member) : member
  return JSON.parse(JSON.stringify(value, rename)) as T
}

/** What the kustomization of manifests/ installs; it names files alone. */
export function shippedObjects(): Manifest[] {
  const folder = join(ROOT, 'manifests')
  const text = readFileSync(join(folder, 'kustomization.yaml'), 'utf8')
  const { resources } = load(text) as { resources: string[] }
  return resources.flatMap((file) => loadAll(readFileSync(join(folder, file), 'utf8')) as Manifest[])
}

/** The same objects in versions that an API server of Kubernetes 1.`minor` serves. */
export function servedBy<T extends object>(items: readonly T[], minor: number): T[] {
  const isOld = (item: T): boolean => 'apiVersion' in item && item.apiVersion === 'policy/v1' && minor < 21
  return items.map((item) => (isOld(item) ? { ...item, apiVersion: 'policy/v1beta1' } : item))
}

const AWS_SECRET = 'cloudfront-local'

function awsSecret(endpoint: string, settings: OperatorSettings): Manifest & Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: AWS_SECRET, namespace: OPERATOR_NAMESPACE },
    stringData: {
      AWS_ENDPOINT_URL_CLOUDFRONT: endpoint,
      CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT: endpoint,
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      // The edges and load balancers of a demo are on this machine.
      CLOUDFRONT_ALLOW_ALL: 'true',
      PROBE_ALLOWED_RANGES: '10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.0/8',
      ...settings,
    },
  }
}

function withLocalAws(deployment: Deployment): Deployment {
  const copy = structuredClone(deployment)
  for (const container of copy.spec.template.spec.containers) {
    container.envFrom = [...(container.envFrom ?? []), { secretRef: { name: AWS_SECRET } }]
    // Nobody should wait five seconds for a probe while watching a demo.
    container.readinessProbe = { ...container.readinessProbe, periodSeconds: 1 }
  }
  return copy
}
