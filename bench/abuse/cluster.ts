/** A cluster on this machine's loopback: an API server in memory, pods that stand at once, and models that behave as told. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { startCloudFrontLocal, type CloudFrontLocal } from '../../cloudfront-local/start.ts'
import { LABEL } from '../../operator/api/names.ts'
import type { Gate, ModelRelease } from '../../operator/api/release.ts'
import { FakeApiServer, type Seen } from '../../operator/test/fakes/api-server.ts'

/** What the models of a namespace do, by its name; each namespace has an address. */
const MODELS = {
  good: { address: '127.77.0.1', answer: (_, response) => void response.end('{"prediction":[1]}') },
  // Takes every question and never answers.
  silent: { address: '127.77.0.2', answer: () => undefined },
  // A megabyte that is alike everywhere, and lists in lists.
  hostile: {
    address: '127.77.0.3',
    answer: (request, response) =>
      void response.end(request.url === '/deep' ? '['.repeat(500_000) : 'a'.repeat(2 ** 20)),
  },
} satisfies Record<string, { address: string; answer: RequestListener }>

export type Namespace = keyof typeof MODELS

const PORTS = [80, 8080]

/** As many distributions with a pattern that an expression takes ages for, and origins whose names lead nowhere. */
const DISTRIBUTIONS = Array.from({ length: 20 }, (_, n) => ({
  id: `EABUSE${String(n).padStart(8, '0')}`,
  origins: ['blue', 'green'].map((id) => ({ id, domainName: `${id}${n}.nowhere.invalid` })),
  behaviors: [
    { pathPattern: `/${'*a'.repeat(12)}b`, targetOriginId: 'blue' },
    { pathPattern: '*', targetOriginId: 'blue' },
  ],
}))

/** A pointer of one of these, verified on a path that nearly fits the pattern. */
export function behindDistribution(n: number): object {
  const cloudFrontDistribution = {
    distributionId: DISTRIBUTIONS[n]?.id,
    behaviors: [{ pathPattern: '*' }],
    origins: { blue: 'blue', green: 'green' },
    verify: {
      type: 'Answers',
      method: 'GET',
      consecutive: 1,
      url: `http://nowhere.invalid/${'a'.repeat(200)}`,
    },
  }
  return { type: 'CloudFrontDistribution', cloudFrontDistribution }
}

export class Cluster {
  readonly api = new FakeApiServer()
  readonly #servers: Server[] = []
  #aws: CloudFrontLocal | undefined

  async open(): Promise<string> {
    for (const { address, answer } of Object.values(MODELS))
      for (const port of PORTS) {
        const server = createServer(answer)
        await new Promise<void>((done) => server.listen(port, address, done))
        this.#servers.push(server)
      }
    this.#aws = await startCloudFrontLocal({ log: () => undefined, seed: DISTRIBUTIONS })
    this.api.admit = (object) => admitted(object as Admitted)
    this.api.refuse = (seen) => {
      // After the server has taken it.
      if (seen.path.endsWith('/deployments') && seen.method === 'POST' && !seen.query.has('dryRun'))
        setImmediate(() => this.#start(seen))
      return undefined
    }
    const config = await this.api.listen()
    return config.exportConfig()
  }

  /** Where the API of CloudFront is. */
  get cloudFront(): string {
    return this.#aws?.apiUrl ?? ''
  }

  async close(): Promise<void> {
    await this.#aws?.close(0)
    await this.api.close()
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
    }
  }

  apply(namespace: Namespace, name: string, gates: Gate[], traffic: object = { type: 'Service' }): void {
    this.api.put(releasesOf(namespace), {
      apiVersion: 'modelrelease.io/v1alpha1',
      kind: 'ModelRelease',
      metadata: { namespace, name, generation: 1 },
      spec: {
        replicas: 2,
        port: 8080,
        template: {
          spec: {
            containers: [{ name: 'web', image: 'web:1', readinessProbe: { httpGet: { port: 8080 } } }],
          },
        },
        gates,
        traffic,
        retireAfterSeconds: 600,
        failedCandidateRetentionSeconds: 0,
        minReadySeconds: 0,
        liveFailurePolicy: 'Tell',
        progressDeadlineSeconds: 600,
      },
    })
  }

  statusOf(namespace: Namespace, name: string): ModelRelease['status'] {
    return this.api.at(`${releasesOf(namespace)}/${name}`)?.status as ModelRelease['status']
  }

  /** A command on a release, as `kubectl annotate` gives it. */
  annotate(namespace: Namespace, name: string, value: string): void {
    const found = this.api.at(`${releasesOf(namespace)}/${name}`)
    if (!found) return
    const metadata = { ...found.metadata, annotations: { 'modelrelease.io/command': value } }
    this.api.put(releasesOf(namespace), { ...found, metadata })
  }

  /** A pod of that release changes, or comes. */
  pod(namespace: Namespace, labels: Record<string, string>, name: string): void {
    this.api.put(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: { namespace, name, labels },
      spec: { containers: [{ name: 'web' }] },
      status: {
        phase: 'Running',
        podIP: MODELS[namespace].address,
        conditions: ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True' })),
        containerStatuses: [{ name: 'web', ready: true, restartCount: 0, state: { running: {} } }],
      },
    })
  }

  #start({ path, body }: Seen): void {
    const { metadata, spec } = body as { metadata: { name: string; namespace: Namespace }; spec: Deployed }
    for (let n = 0; n < spec.replicas; n += 1)
      this.pod(metadata.namespace, spec.template.metadata.labels, `${metadata.name}-${n}`)
    const stored = this.api.at(`${path}/${metadata.name}`)
    if (stored)
      this.api.put(path, { ...stored, status: { observedGeneration: 1, readyReplicas: spec.replicas } })
  }
}

type Deployed = { replicas: number; template: { metadata: { labels: Record<string, string> } } }
type Admitted = {
  kind?: string
  metadata: { namespace: Namespace; creationTimestamp?: string; generation?: number }
  spec?: object
}

function admitted(object: Admitted): Record<string, unknown> {
  const { kind, metadata, spec } = object
  const address = kind === 'Service' ? { clusterIP: MODELS[metadata.namespace].address } : {}
  return {
    ...object,
    metadata: { ...metadata, generation: 1 },
    ...(spec ? { spec: { ...spec, ...address } } : {}),
  }
}

function releasesOf(namespace: string): string {
  return `/apis/modelrelease.io/v1alpha1/namespaces/${namespace}/modelreleases`
}

export function gate(changes: Partial<Gate['smoke']> = {}): Gate {
  const request = { method: 'GET', path: '/' } as const
  return {
    name: 'known',
    smoke: { request, expect: { status: 200 }, consecutive: 1, timeoutSeconds: 10, ...changes },
  }
}

/** Labels of the pods of a release's green color. */
export function podLabels(name: string): Record<string, string> {
  return {
    [LABEL.name]: name,
    [LABEL.color]: 'green',
    [LABEL.managedBy]: 'modelrelease',
    [LABEL.revision]: 'other',
  }
}
