import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { attempt } from '../../../cluster/command.ts'
import { applyCrdFlags, knowsCel } from '../../../cluster/kubectl.ts'
import { CLUSTER_UP_MS, MANIFESTS, realCluster, type RealCluster } from './real-cluster.ts'

type Json = Record<string, unknown>
/** What a rule refuses, and how its message begins; `ruleAlone` where no pattern refuses it as well. */
type Row = { name?: string; spec: Json; says: string; ruleAlone?: true }

let cluster: RealCluster

beforeAll(async () => {
  cluster = await realCluster('crd')
}, CLUSTER_UP_MS)
afterAll(() => cluster.close())

const minimal = { template: { spec: { containers: [{ name: 'server', image: 'x' }] } } }

const distribution = {
  distributionId: 'E1234567890AB',
  origins: { blue: 'housing-blue', green: 'housing-green' },
  verify: { url: 'https://models.example.com/predict' },
}

function release(name: string, spec: Json): Json {
  return { apiVersion: 'modelrelease.io/v1alpha1', kind: 'ModelRelease', metadata: { name }, spec }
}

async function create(object: Json): Promise<Json> {
  const text = await cluster.kubectlOk(
    ['create', '--validate=false', '-f', '-', '--output=json'],
    JSON.stringify(object),
  )
  return JSON.parse(text) as Json
}

/** What the API server itself says, without kubectl's check before. */
async function refusal(spec: Json, name = 'refused'): Promise<string> {
  const { code, stderr } = await cluster.kubectl(
    ['create', '--validate=false', '-f', '-'],
    JSON.stringify(release(name, spec)),
  )
  expect(code).not.toBe(0)
  return stderr
}

function withSmoke(request: Json, more: Json = {}): Json {
  return { ...minimal, gates: [{ name: 'known', smoke: { request, ...more } }] }
}

function withDistribution(change: Json): Json {
  const type = 'CloudFrontDistribution'
  return { ...minimal, traffic: { type, cloudFrontDistribution: { ...distribution, ...change } } }
}

describe('defaults', () => {
  test('of the shortest release: a Service pointer, port 8080, and no number of pods', async () => {
    const { spec } = await create(release('shortest', minimal))
    expect(spec).toEqual({
      ...minimal,
      port: 8080,
      traffic: { type: 'Service' },
      retireAfterSeconds: 600,
      failedCandidateRetentionSeconds: 0,
      liveFailurePolicy: 'ReturnWhileWarm',
      minReadySeconds: 10,
      progressDeadlineSeconds: 600,
    })
  })

  test('of a gate: GET, status 200, once, ten seconds', async () => {
    const { spec } = await create(release('gated', withSmoke({ path: '/healthz?full=1' })))
    expect((spec as Json).gates).toEqual([
      {
        name: 'known',
        smoke: {
          request: { method: 'GET', path: '/healthz?full=1' },
          expect: { status: 200 },
          consecutive: 1,
          timeoutSeconds: 10,
        },
      },
    ])
  })

  test('of a distribution: its default behavior, five answers', async () => {
    const { spec } = await create(release('edges', withDistribution({})))
    expect((spec as { traffic: Json }).traffic.cloudFrontDistribution).toEqual({
      ...distribution,
      behaviors: [{ pathPattern: '*' }],
      verify: { ...distribution.verify, type: 'Answers', method: 'GET', consecutive: 5 },
    })
  })

  test('free-form values are kept as they are: numbers, lists, texts, objects', async () => {
    const equals = [26.928, 'x', [1, 2], { a: null }]
    const json = equals.map((value) => ({ path: '$.prediction[0]', equals: value }))
    const { spec } = await create(
      release('free-form', withSmoke({ path: '/', json: [[1.5]] }, { expect: { json } })),
    )
    const smoke = (spec as { gates: { smoke: { expect: { json: Json[] }; request: Json } }[] }).gates[0]
      ?.smoke
    expect(smoke?.request.json).toEqual([[1.5]])
    expect(smoke?.expect.json.map((one) => one.equals)).toEqual(equals)
  })
})

describe('the API server refuses, naming the field', () => {
  const model = { name: 'housing', version: '7', uri: 'file:///models/housing.onnx' }
  const cases: Record<string, { spec: Json; says: RegExp }> = {
    'a port out of range': { spec: { ...minimal, port: 65536 }, says: /spec\.port.*65535/ },
    'port 0': { spec: { ...minimal, port: 0 }, says: /spec\.port.*greater than or equal to 1/ },
    'no pods': { spec: { ...minimal, replicas: 0 }, says: /spec\.replicas/ },
    'a smoke path without a slash': { spec: withSmoke({ path: 'predict' }), says: /smoke\.request\.path/ },
    'a smoke path with a space': { spec: withSmoke({ path: '/pre dict' }), says: /smoke\.request\.path/ },
    'a smoke path with a fragment': { spec: withSmoke({ path: '/predict#x' }), says: /smoke\.request\.path/ },
    'a smoke request without a path': { spec: withSmoke({}), says: /smoke\.request\.path: Required/ },
    'an unknown method': { spec: withSmoke({ method: 'HEAD', path: '/' }), says: /request\.method.*"HEAD"/ },
    'a request with two bodies': {
      spec: withSmoke({ path: '/', json: { a: 1 }, body: 'a' }),
      says: /smoke\.request/,
    },
    'a bad JSON path': {
      spec: withSmoke({ path: '/' }, { expect: { json: [{ path: 'prediction', equals: 1 }] } }),
      says: /expect\.json.*path/,
    },
    'two gates of one name': {
      spec: { ...minimal, gates: [1, 2].map(() => ({ name: 'g', smoke: { request: { path: '/' } } })) },
      says: /spec\.gates\[1\]: Duplicate value/,
    },
    'a uri of another scheme': { spec: { model: { ...model, uri: 'ftp://x/y' } }, says: /spec\.model\.uri/ },
    'a model without a uri': {
      spec: { model: { ...model, uri: undefined } },
      says: /spec\.model\.uri: Required/,
    },
    'a digest in capitals': {
      spec: { model: { ...model, sha256: 'A'.repeat(64) } },
      says: /spec\.model\.sha256/,
    },
    'a digest that is too short': {
      spec: { model: { ...model, sha256: 'a'.repeat(63) } },
      says: /spec\.model\.sha256/,
    },
    'an unknown kind of traffic': {
      spec: { ...minimal, traffic: { type: 'Ingress' } },
      says: /spec\.traffic\.type: Unsupported value: "Ingress"/,
    },
    'a distribution without origins': {
      spec: withDistribution({ origins: undefined }),
      says: /cloudFrontDistribution\.origins: Required/,
    },
    'a distribution with one origin': {
      spec: withDistribution({ origins: { blue: 'a' } }),
      says: /origins\.green: Required/,
    },
    'a distribution without verify': {
      spec: withDistribution({ verify: undefined }),
      says: /cloudFrontDistribution\.verify: Required/,
    },
    'a distribution id of another shape': {
      spec: withDistribution({ distributionId: 'my-distribution' }),
      says: /distributionId.*"my-distribution"/,
    },
    'no behaviors': { spec: withDistribution({ behaviors: [] }), says: /behaviors/ },
    'a verify url that is none': {
      spec: withDistribution({ verify: { url: 'models' } }),
      says: /verify\.url/,
    },
    'an unknown deletion policy': {
      spec: { ...minimal, deletionPolicy: 'Keep' },
      says: /deletionPolicy.*"Keep"/,
    },
  }
  test.each(Object.entries(cases))('%s', async (_name, { spec, says }) => {
    expect(await refusal(spec)).toMatch(says)
  })

  test('a name that leaves no room for the names of pods', async () => {
    expect(await refusal(minimal, 'a'.repeat(41))).toMatch(/metadata\.name/)
  })

  test('a release without a spec', async () => {
    const { stderr } = await cluster.kubectl(
      ['create', '--validate=false', '-f', '-'],
      JSON.stringify({ ...release('empty', {}), spec: undefined }),
    )
    expect(stderr).toMatch(/spec: Required/)
  })
})

describe('the rules of the CRD', () => {
  const model = { name: 'housing', version: '7', uri: 'file:///models/housing.onnx' }
  const canary = (...weights: number[]): Json => ({
    canary: weights.map((weight) => ({ weight, holdSeconds: 60 })),
  })
  const oneOrigin = { origins: { blue: 'one', green: 'one' } }
  const withStore = (change: Json): Json => ({
    ...minimal,
    traffic: { type: 'CloudFrontKeyValueStore', cloudFrontKeyValueStore: { ...store, ...change } },
  })
  const store = {
    ...distribution,
    keyValueStoreArn: `arn:aws:cloudfront::123456789012:key-value-store/${'a'.repeat(36)}`,
    key: 'housing',
  }
  const another = (member: string): string =>
    `spec.traffic.${member} is set but spec.traffic.type is another: set the type to`
  const rows: Record<string, Row> = {
    'gates that no deadline can hold': {
      spec: {
        ...minimal,
        gates: ['slow', 'slower'].map((name) => ({
          name,
          smoke: { request: { path: '/' }, consecutive: 10, timeoutSeconds: 60 },
        })),
      },
      says: 'spec.gates may take longer at one pod than progressDeadlineSeconds',
    },
    'both model and template': {
      spec: { ...minimal, model },
      says: 'spec must have exactly one of model or template',
    },
    'neither model nor template': { spec: {}, says: 'spec must have exactly one of model or template' },
    'a distribution that is not told': {
      spec: { ...minimal, traffic: { type: 'CloudFrontDistribution' } },
      says: 'spec.traffic.cloudFrontDistribution is required when spec.traffic.type is CloudFrontDistribution',
    },
    'a store that is not told': {
      spec: { ...minimal, traffic: { type: 'CloudFrontKeyValueStore' } },
      says: 'spec.traffic.cloudFrontKeyValueStore is required when spec.traffic.type is CloudFrontKeyValueStore',
    },
    'a distribution that is not asked for': {
      spec: { ...minimal, traffic: { type: 'Service', cloudFrontDistribution: distribution } },
      says: another('cloudFrontDistribution'),
    },
    'a store that is not asked for': {
      spec: { ...minimal, traffic: { type: 'Service', cloudFrontKeyValueStore: store } },
      says: another('cloudFrontKeyValueStore'),
    },
    'a Service that is not asked for': {
      spec: {
        ...minimal,
        traffic: {
          type: 'CloudFrontDistribution',
          cloudFrontDistribution: distribution,
          service: { name: 'front' },
        },
      },
      says: another('service'),
    },
    'a canary of a distribution': {
      spec: withDistribution(canary(10)),
      says: 'canary needs a pointer that can send a share of the clients: set spec.traffic.type to',
    },
    'one origin for both colors': {
      spec: withDistribution(oneOrigin),
      says: 'origins.blue and origins.green must be two different origins of the distribution',
    },
    'one origin for both colors, by a key': {
      spec: withStore(oneOrigin),
      says: 'origins.blue and origins.green must be two different origins of the distribution',
    },
    'answers from nowhere': { spec: withDistribution({ verify: {} }), says: 'verify.url is required;' },
    'answers from nowhere, by a key': { spec: withStore({ verify: {} }), says: 'verify.url is required;' },
    'a canary that stands still': {
      spec: withStore(canary(10, 10)),
      says: 'canary: each weight must be greater than the one before',
    },
    'a canary that falls in its last step': {
      spec: withStore(canary(1, 2, 3, 4, 5, 6, 7, 8, 9, 8)),
      says: 'canary: each weight must be greater than the one before',
    },
    'a canary by cookies': {
      spec: withStore({ canaryClientHeader: 'cookie' }),
      says: 'canaryClientHeader tells no client from another in cookie or host',
    },
  }

  test.each(Object.entries(rows))('speak at apply: %s', async (_name, { spec, says }) => {
    const apply = ['apply', '--dry-run=server', '-f', '-']
    const { code, stderr } = await cluster.kubectl(apply, JSON.stringify(release('ruled', spec)))
    if (knowsCel(cluster.handle.kubernetesMinor)) {
      expect(stderr).toContain(says)
      expect(code).not.toBe(0)
    } else {
      // An older API server has dropped the rules; the operator says the same of what is stored (planner/checks/spec.ts).
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    }
  })

  /** What a schema wants, in words: an API server that knows no rules refuses by the pattern itself, where there is one. */
  const header = (one: object): Json => ({
    ...minimal,
    gates: [
      {
        name: 'with-a-token',
        smoke: {
          request: { path: '/', headers: [{ name: 'authorization', ...one }] },
          expect: { status: 200 },
        },
      },
    ],
  })
  const fromSecret = (name: string, key: string): Json =>
    header({ valueFrom: { secretKeyRef: { name, key } } })
  const patterns: Record<string, Row> = {
    'a header with a value and a Secret': {
      spec: header({ value: 'a', valueFrom: { secretKeyRef: { name: 'gate-token', key: 'token' } } }),
      says: 'must have exactly one of value and valueFrom: value for what everybody may read, valueFrom.secretKeyRef for a credential',
      ruleAlone: true,
    },
    'the name of a Secret': {
      spec: fromSecret('Gate_Token', 'token'),
      says: 'must be the name of a Secret: lower-case letters, digits, "-" and "."',
    },
    'the key of a Secret': {
      spec: fromSecret('gate-token', 'to ken'),
      says: 'must be a key of a Secret: letters, digits, "-", "_" and "."',
    },
    'a name of the release': {
      name: 'Housing_1',
      spec: minimal,
      says: 'metadata.name must be lower-case letters, digits and "-"',
    },
    'a name of a model': {
      spec: { model: { ...model, name: 'my housing' } },
      says: 'must be letters, digits, "-", "_" and ".", and begin with a letter or a digit, for example housing',
    },
    'a version': {
      spec: { model: { ...model, version: '7 b' } },
      says: 'must be letters, digits, "-", "_" and ".", and begin with a letter or a digit, for example "7"',
    },
    'an address of a model': {
      spec: { model: { ...model, uri: 'ftp://models/housing.onnx' } },
      says: 'must be a URL that the model server can fetch',
    },
    'a digest': {
      spec: { model: { ...model, sha256: `sha256:${'a'.repeat(57)}` } },
      says: 'must be 64 lower-case hexadecimal digits without a prefix',
    },
    'a base path': {
      spec: { model: { ...model, basePath: 'housing/' } },
      says: 'must begin with a slash and not end with one, for example /housing',
    },
    'a name of a gate': {
      spec: { ...minimal, gates: [{ name: 'Known_1', smoke: { request: { path: '/' } } }] },
      says: 'must be lower-case letters, digits and "-", and begin and end with a letter or a digit',
    },
    'a path of a gate': {
      spec: withSmoke({ path: 'predict' }),
      says: 'must begin with a slash and hold no spaces and no fragment, for example /predict',
    },
    'a header of a gate': {
      spec: withSmoke({ path: '/', headers: [{ name: 'x key', value: '1' }] }),
      says: 'must be the name of an HTTP header without spaces or a colon',
    },
    'a path into an answer': {
      spec: withSmoke({ path: '/' }, { expect: { json: [{ path: 'prediction[*]', equals: 1 }] } }),
      says: 'must begin with $ and go down by .name or [index], without wildcards',
    },
    'a name of the pointer': {
      spec: { ...minimal, traffic: { type: 'Service', service: { name: 'Front_1' } } },
      says: 'must be the name of a Service: lower-case letters, digits and "-"',
    },
    'an id of a distribution': {
      spec: withDistribution({ distributionId: 'arn:aws:x' }),
      says: 'must be the id of a distribution in capitals and not its ARN or domain name',
    },
    'an id of a distribution, by a key': {
      spec: withStore({ distributionId: 'e1234567890ab' }),
      says: 'must be the id of a distribution in capitals and not its ARN or domain name',
    },
    'a path to invalidate': {
      spec: withDistribution({ invalidationPaths: ['ui/*'] }),
      says: 'must begin with a slash and hold no spaces and no fragment, for example /ui/*',
    },
    'an address to verify': {
      spec: withDistribution({ verify: { url: 'models.example.com/predict' } }),
      says: 'must be a whole URL with its scheme and without spaces or a fragment',
    },
    'a store': {
      spec: withStore({ keyValueStoreArn: 'housing' }),
      says: 'must be the ARN of a key value store and not its name',
    },
    'a key': {
      spec: withStore({ key: 'the housing' }),
      says: 'must be letters, digits, "_", ".", ":" and "-", and begin with a letter or a digit',
    },
    'a header of clients': {
      spec: withStore({ canaryClientHeader: 'X User' }),
      says: 'must be the name of a request header in lower case, for example x-user-id',
    },
  }
  test.each(Object.entries(patterns))(
    'say what is right: %s',
    async (_title, { name, spec, says, ruleAlone }) => {
      if (knowsCel(cluster.handle.kubernetesMinor)) expect(await refusal(spec, name)).toContain(says)
      else if (!ruleAlone) await refusal(spec, name)
    },
  )

  test('take what is right: a key with a canary that grows in as many steps as there may be', async () => {
    await create(release('growing', withStore(canary(1, 2, 3, 4, 5, 6, 7, 8, 9, 99))))
  })

  test('are all tried above', () => {
    const crd = JSON.stringify(load(readFileSync(`${MANIFESTS}/../crds/modelrelease.yaml`, 'utf8')))
    const messages = [...crd.matchAll(/"rule":"(?:[^"\\]|\\.)*","message":("(?:[^"\\]|\\.)*")/g)].map(
      ([, message = '']) => JSON.parse(message) as string,
    )
    expect(messages.length).toBeGreaterThan(10)
    const tried = [...Object.values(rows), ...Object.values(patterns)]
    const silent = messages.filter((message) => !tried.some(({ says }) => message.startsWith(says)))
    expect(silent).toEqual([])
  })
})

test('the manifests are taken as the README has them installed', async () => {
  const { kubectl, kubeconfigPath, kubernetesMinor } = cluster.handle
  const apply = ['apply', ...applyCrdFlags(kubernetesMinor), '--dry-run=server', '-k', MANIFESTS]
  const { code, stdout, stderr } = await attempt(kubectl, ['--kubeconfig', kubeconfigPath, ...apply])
  // Older than what the README asks for: policy/v1 came with 1.21.
  if (kubernetesMinor < 21) {
    expect(stderr).toMatch(/no matches for kind "PodDisruptionBudget"/)
    return
  }
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stdout).toMatch(/^deployment\.apps\/modelrelease-operator .*\(server dry run\)$/m)
})

test.each(['local', 'kind', 'eks', 'namespaced'])('so is the overlay %s', async (overlay) => {
  const { kubectl, kubeconfigPath, kubernetesMinor } = cluster.handle
  // It takes kubectl 1.25, and the one here is that of the server.
  if (kubernetesMinor < 25) return
  const rendered = await cluster.kubectlOk(['kustomize', `${MANIFESTS}/overlays/${overlay}`])
  // A trial run of what lies in a namespace takes one that is there.
  const objects = rendered.replaceAll(/^( +namespace: )models$/gm, `$1${cluster.namespace}`)
  const apply = ['apply', ...applyCrdFlags(kubernetesMinor), '--dry-run=server', '-f', '-']
  const { code, stdout, stderr } = await attempt(kubectl, ['--kubeconfig', kubeconfigPath, ...apply], {
    input: objects,
  })
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stdout).toMatch(/^deployment\.apps\/modelrelease-operator .*\(server dry run\)$/m)
})

test('kubectl refuses a misspelt field before anything is stored', async () => {
  const { code, stderr } = await cluster.kubectl(
    ['apply', '-f', '-'],
    JSON.stringify(release('misspelt', { ...minimal, replica: 2 })),
  )
  expect(code).not.toBe(0)
  const words = knowsCel(cluster.handle.kubernetesMinor)
    ? 'strict decoding error: unknown field "spec.replica"'
    : 'unknown field "replica"'
  expect(stderr).toContain(words)
  expect((await cluster.kubectl(['get', 'mr', 'misspelt'])).code).not.toBe(0)
})

test('kubectl get mr shows phase, who serves, what is live and what is wanted; wide adds the message', async () => {
  await create(release('columns', minimal))
  const startedAt = '2026-11-01T00:00:00Z'
  const status = {
    phase: 'Live',
    message: 'revision-abc-answers',
    liveColor: 'green',
    liveRevision: 'abc',
    attempt: {
      id: 'def-1',
      revision: 'def',
      startedAt,
      deadline: '2026-11-01T00:10:00Z',
      direction: 'Forward',
      outcome: 'Promoted',
    },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'Live',
        message: 'all is well',
        lastTransitionTime: startedAt,
      },
      {
        type: 'Serving',
        status: 'False',
        reason: 'Down',
        message: 'nobody answers',
        lastTransitionTime: startedAt,
      },
    ],
  }
  await writeStatus('columns', status)
  const rows = async (...more: string[]): Promise<string[][]> =>
    (await cluster.kubectlOk(['get', 'mr', 'columns', ...more]))
      .split('\n')
      .map((line) => line.split(/ {2,}/))
  const [head = [], row = []] = await rows()
  expect(head).toEqual([
    'NAME',
    'PHASE',
    'SERVING',
    'LIVE',
    'REVISION',
    'WANTED',
    'OUTCOME',
    'READY',
    'REASON',
    'AGE',
  ])
  expect(row.slice(0, -1)).toEqual([
    'columns',
    'Live',
    'False',
    'green',
    'abc',
    'def',
    'Promoted',
    'True',
    'Live',
  ])
  const [wideHead = [], wideRow = []] = await rows('--output=wide')
  expect(wideHead.at(-1)).toBe('MESSAGE')
  expect(wideRow.at(-1)).toBe('revision-abc-answers')
})

test('kubectl scale changes replicas and reads the live color', async () => {
  await create(release('scaled', minimal))
  await writeStatus('scaled', {
    replicas: 1,
    selector: 'modelrelease.io/name=scaled,modelrelease.io/color=blue',
  })
  // The number was left out, and is given here for the first time.
  await cluster.kubectlOk(['scale', 'mr/scaled', '--replicas=2'])
  await cluster.kubectlOk(['scale', 'mr/scaled', '--current-replicas=2', '--replicas=3'])
  const path = `/apis/modelrelease.io/v1alpha1/namespaces/${cluster.namespace}/modelreleases/scaled/scale`
  const scale = JSON.parse((await cluster.admin.request({ path })).body) as Json
  expect(scale).toMatchObject({
    kind: 'Scale',
    spec: { replicas: 3 },
    status: { replicas: 1, selector: 'modelrelease.io/name=scaled,modelrelease.io/color=blue' },
  })
  const { code, stderr } = await cluster.kubectl(['scale', 'mr/scaled', '--replicas=0'])
  expect(code).not.toBe(0)
  expect(stderr).toMatch(/spec\.replicas/)
})

test('the status is written apart from the spec, and an unknown word in it is refused', async () => {
  await create(release('status', { ...minimal, replicas: 2 }))
  await writeStatus('status', { phase: 'Building' })
  const read = JSON.parse(await cluster.kubectlOk(['get', 'mr', 'status', '--output=json'])) as Json
  expect(read).toMatchObject({
    spec: { replicas: 2 },
    status: { phase: 'Building' },
    metadata: { generation: 1 },
  })
  await expect(writeStatus('status', { phase: 'Sleeping' })).rejects.toThrow(/status\.phase/)
})

test('who may edit a namespace may edit its releases, who may view it may only look', async () => {
  const can = async (verb: string, user: string): Promise<string> =>
    (
      await cluster.kubectl(['auth', 'can-i', verb, 'modelreleases.modelrelease.io', '--as', user])
    ).stdout.trim()
  for (const role of ['view', 'edit']) {
    await cluster.kubectlOk(['create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}or`])
  }
  // The roles are aggregated by a controller, some time after they are applied.
  const roles = '/apis/rbac.authorization.k8s.io/v1/clusterroles'
  await cluster.until(roles, 'edit', (found) =>
    JSON.stringify(found).includes('"deletecollection"],"apiGroups":["modelrelease.io"]'),
  )
  expect(await can('create', 'editor')).toBe('yes')
  expect(await can('list', 'viewor')).toBe('yes')
  expect(await can('create', 'viewor')).toBe('no')
})

async function writeStatus(name: string, status: Json): Promise<void> {
  const path = `/apis/modelrelease.io/v1alpha1/namespaces/${cluster.namespace}/modelreleases/${name}/status`
  const contentType = 'application/merge-patch+json'
  const answer = await cluster.admin.request({
    method: 'PATCH',
    path,
    contentType,
    body: JSON.stringify({ status }),
  })
  if (answer.status !== 200) throw new Error(answer.body)
}
