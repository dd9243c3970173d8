import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { FakeApiServer } from './test/fakes/api-server.ts'

/** The real process, beside an API server in memory and a model that takes a question and never answers. */
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/system/leases/modelrelease-operator'
const RELEASES = '/apis/modelrelease.io/v1alpha1/namespaces/models/modelreleases'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/models/deployments'

const api = new FakeApiServer()
let folder: string
let silent: Server
let operator: ChildProcess | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'operator-main-'))
  silent = createServer()
})
afterEach(async () => {
  operator?.kill('SIGKILL')
  silent.close()
  await api.close()
  rmSync(folder, { recursive: true })
})

async function start(settings: Record<string, string> = {}): Promise<ChildProcess> {
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(kubeconfig, (await api.listen()).exportConfig())
  return spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      KUBECONFIG: kubeconfig,
      POD_NAME: 'operator-1',
      OPERATOR_NAMESPACE: 'system',
      MODEL_SERVER_IMAGE: 'model-server:1',
      PROBE_ALLOWED_RANGES: '127.0.0.0/8',
      HEALTH_PORT: '0',
      METRICS_PORT: '0',
      ...settings,
    },
  })
}

/** A release with a gate of an hour, whose pods stand as soon as their Deployment does. */
function apply(port: number): void {
  const request = { method: 'GET', path: '/' }
  const smoke = { request, expect: { status: 200 }, consecutive: 60, timeoutSeconds: 60 }
  const containers = [{ name: 'web', image: 'web:1', readinessProbe: { httpGet: { port } } }]
  api.admit = (object) => {
    const { kind, spec } = object as { kind?: string; spec?: object }
    return kind === 'Service' ? { ...object, spec: { ...spec, clusterIP: '127.0.0.1' } } : object
  }
  api.refuse = ({ path, method, query, body }) => {
    if (path === DEPLOYMENTS && method === 'POST' && !query.has('dryRun'))
      setImmediate(() => addPod(body as { spec: { template: { metadata: object } } }))
    return undefined
  }
  api.put(RELEASES, {
    metadata: { namespace: 'models', name: 'slow', generation: 1 },
    spec: {
      replicas: 1,
      port,
      template: { spec: { containers } },
      gates: [{ name: 'hour', smoke }],
      traffic: { type: 'Service' },
      retireAfterSeconds: 0,
      failedCandidateRetentionSeconds: 0,
      progressDeadlineSeconds: 86_400,
    },
  })
}

function addPod({ spec }: { spec: { template: { metadata: object } } }): void {
  const deployment = Object.assign(
    {},
    api.at(`${DEPLOYMENTS}/slow-green`) ?? api.at(`${DEPLOYMENTS}/slow-blue`),
  )
  api.put(DEPLOYMENTS, { ...deployment, status: { observedGeneration: 1 } })
  api.put('/api/v1/namespaces/models/pods', {
    metadata: { ...spec.template.metadata, namespace: 'models', name: 'slow-1' },
    spec: { containers: [{ name: 'web' }] },
    status: {
      phase: 'Running',
      podIP: '127.0.0.1',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'web', ready: true, restartCount: 0, state: { running: {} } }],
    },
  })
}

test('SIGTERM ends what is being asked, gives the lease back, and the process ends well', async () => {
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  apply((silent.address() as AddressInfo).port)
  const asked = once(silent, 'connection')
  operator = await start()
  const [connection] = (await asked) as [NodeJS.ReadableStream]
  connection.resume()
  const hungUp = once(connection, 'close')
  const exited = once(operator, 'exit')
  expect(api.at(LEASE)?.spec).toMatchObject({
    holderIdentity: expect.stringContaining('operator-1') as unknown,
  })
  operator.kill('SIGTERM')
  await hungUp
  expect(await exited).toEqual([0, null])
  expect(api.at(LEASE)?.spec).toMatchObject({ holderIdentity: '' })
})

test('with namespaces named, nothing is asked of the API server outside of them', async () => {
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  apply((silent.address() as AddressInfo).port)
  const asked = once(silent, 'connection')
  const before = api.seen.length
  operator = await start({ WATCH_NAMESPACES: 'models,other' })
  await asked
  const seen = api.seen.slice(before)
  const outside = seen.filter(({ path }) => !/\/namespaces\/(models|other|system)\//.test(path))
  expect(outside).toEqual([])
  expect(seen.map(({ path }) => path)).toContain(RELEASES.replace('models', 'other'))
})

test('what a pass has written of a release is no reason for another pass over it', async () => {
  const names = ['one', 'two', 'three', 'four']
  operator = await start()
  for (const name of names) {
    // One after the other, so that whatever follows the first has had its time when the last is told.
    const told = new Promise<void>((resolve) => {
      api.refuse = ({ method, path, body }) => {
        const { conditions = [] } = (body.status ?? {}) as { conditions?: { type: string }[] }
        const isTold = method === 'PUT' && path === `${RELEASES}/${name}/status`
        if (isTold && conditions.some(({ type }) => type === 'Stalled')) setTimeout(resolve, 300)
        return undefined
      }
    })
    api.put(RELEASES, {
      metadata: { namespace: 'models', name, generation: 1 },
      spec: {
        replicas: 1,
        port: 8080,
        template: {},
        traffic: { type: 'Service' },
        progressDeadlineSeconds: 600,
      },
    })
    await told
  }
  const ofFirst = api.seen.filter(({ path }) => path.startsWith(`${RELEASES}/one`))
  const looks = ofFirst.filter(({ method }) => method === 'GET').length
  const writes = ofFirst.filter(({ method }) => method === 'PUT').length
  expect({ looks, writes }).toEqual({ looks: writes, writes })
})
