/**
 * Helm chart and kustomize overlays: what they render is the same, and what a user may give wrong is refused by its name. The
 * parts that take the real helm and kubectl are left out where nobody built them; npm run check:install builds both.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { Ajv, type Schema } from 'ajv'
import { dump, load, loadAll } from 'js-yaml'
import { readConfig } from '../operator/config.ts'
import { parseAllowList } from '../operator/planner/checks/allow-list.ts'
import { builtKubectl, builtTool } from '../scripts/built-tools.ts'

const MANIFESTS = import.meta.dirname
const CHART = join(MANIFESTS, 'helm/modelrelease')
const NAMESPACE = 'modelrelease-system'

const scratch = mkdtempSync(join(tmpdir(), 'modelrelease-install-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** Both lines of Helm that are kept. */
const HELMS = { 'Helm 3': builtTool('helm'), 'Helm 4': builtTool('helm4') }
const KUBECTL = builtKubectl('1.36')
const OLDEST_KUBECTL = builtKubectl('1.20')

/** Left out where a program is missing, but not where check:install has built them. */
function withTools(...tools: (string | undefined)[]): typeof describe {
  const complete = tools.every((tool) => tool !== undefined)
  return complete || process.env.INSTALL_TOOLS === 'required' ? describe : (describe.skip as typeof describe)
}

type Json = Record<string, unknown>
type Rendered = {
  kind: string
  metadata: { name: string; namespace?: string; annotations?: Json; labels?: Json }
} & Json

const text = (...path: string[]): string => readFileSync(join(MANIFESTS, ...path), 'utf8')
const schema = JSON.parse(text('helm/modelrelease/values.schema.json')) as Schema
const defaults = load(text('helm/modelrelease/values.yaml')) as Json

type Ran = { status: number | null; stdout: string; stderr: string }

function ran(program: string | undefined, args: readonly string[]): Ran {
  const environment = { ...process.env, KUBECONFIG: '/nonexistent/kubeconfig' }
  return spawnSync(program ?? 'not built', args, { encoding: 'utf8', env: environment })
}

function objectsOf({ status, stdout, stderr }: Ran): Rendered[] {
  expect([status, stderr]).toEqual([0, ''])
  return loadAll(stdout).filter((one) => one !== null) as Rendered[]
}

function kustomized(folder: string, kubectl = KUBECTL): Rendered[] {
  return objectsOf(ran(kubectl, ['kustomize', folder]))
}

let files = 0

/** A helm that is compiled without more words takes the API server for a 1.20 until it has asked one. */
const KUBERNETES = ['--kube-version', '1.36']

type Place = { namespace?: string; chart?: string }

type Helm = {
  helm: (verb: readonly string[], values: Json, place?: Place) => Ran
  templated: (values: Json) => Rendered[]
}

function helmOf(program: string | undefined): Helm {
  const helm: Helm['helm'] = (verb, values, { namespace = NAMESPACE, chart = CHART } = {}) => {
    files += 1
    const file = join(scratch, `values-${files}.json`)
    writeFileSync(file, JSON.stringify(values))
    return ran(program, [...verb, chart, ...KUBERNETES, '--namespace', namespace, '--values', file])
  }
  return { helm, templated: (values) => objectsOf(helm(['template', 'modelrelease'], values)) }
}

type Named = { name: string }

/**
 * The same objects in one form: no order of objects and variables; the allow-list parsed, and without the hash in its name,
 * which the two programs draw otherwise.
 */
function normal(objects: readonly Rendered[]): Map<string, unknown> {
  const hashless = JSON.parse(
    JSON.stringify(objects).replaceAll(/cloudfront-allow-list-[a-z0-9]{10}/g, 'cloudfront-allow-list'),
  ) as Rendered[]
  const ordered = (key: string, value: unknown): unknown => {
    if (key === 'env' && Array.isArray(value))
      return (value as Named[]).toSorted((a, b) => (a.name < b.name ? -1 : 1))
    return key === 'allow-list.yaml' ? load(value as string) : value
  }
  const keyed = hashless.map((one) => {
    const { name, namespace = '' } = one.metadata
    return [
      `${one.kind} ${namespace}/${name}`,
      JSON.parse(JSON.stringify(one), (...pair) => ordered(...pair)),
    ] as const
  })
  expect(new Set(keyed.map(([key]) => key)).size).toBe(keyed.length)
  return new Map(keyed)
}

/** What only one of the two has: kustomize makes the namespace, and Helm keeps the CRD when it is uninstalled. */
function shared(objects: readonly Rendered[]): Map<string, unknown> {
  return normal(
    objects
      .filter(({ kind }) => kind !== 'Namespace')
      .map((one) => {
        const { annotations, ...metadata } = one.metadata
        const rest = Object.entries(annotations ?? {}).filter(([name]) => name !== 'helm.sh/resource-policy')
        return {
          ...one,
          metadata: rest.length > 0 ? { ...metadata, annotations: Object.fromEntries(rest) } : metadata,
        }
      }),
  )
}

const DIGEST = `sha256:${'a'.repeat(64)}`
const ROLE = 'arn:aws:iam::123456789012:role/modelrelease-operator'
const TARGET = {
  namespaces: ['models'],
  distributionId: 'E123EXAMPLE',
  behaviors: ['*', '/v2/*'],
  origins: ['housing-blue', 'housing-green'],
  keyValueStores: [
    { arn: `arn:aws:cloudfront::123456789012:key-value-store/${'a'.repeat(36)}`, keys: ['housing'] },
  ],
  role: { arn: ROLE, externalId: 'models' },
}

const OVERLAYS: Record<string, Json> = {
  '.': {},
  base: {},
  'overlays/local': { replicas: 1, imagePullPolicy: 'Never' },
  'overlays/kind': { imagePullPolicy: 'Never' },
  'overlays/eks': { cloudFront: { allowList: [] } },
  'overlays/namespaced': { watchNamespaces: ['models'] },
}

/** An overlay of a user's on top of `parts`, with every setting, and the values that say the same. */
function everything(parts: readonly string[]): { folder: string; values: Json } {
  const folder = mkdtempSync(join(scratch, 'overlay-'))
  writeFileSync(join(folder, 'allow-list.yaml'), dump({ targets: [TARGET] }))
  const metadata = { name: 'modelrelease-operator', namespace: NAMESPACE }
  const env = {
    MODEL_SERVER_IMAGE: `r.test/server@${DIGEST}`,
    AWS_REGION: 'eu-west-1',
    CLOUDFRONT_UPDATE_SPACING_SECONDS: '0',
    CLOUDFRONT_STORE_PROPAGATION_SECONDS: '3600',
    LOG_LEVEL: 'debug',
    WORKERS: '8',
    PROBE_ALLOWED_RANGES: '10.0.0.0/8,fd00::/8',
    HTTPS_PROXY: 'http://proxy.test:3128',
  }
  const resources = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi', cpu: 2 } }
  const container = {
    name: 'operator',
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    imagePullPolicy: 'Always',
    resources,
  }
  const placed = {
    nodeSelector: { 'kubernetes.io/arch': 'amd64' },
    tolerations: [
      { key: 'dedicated', operator: 'Equal', value: 'platform', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', tolerationSeconds: 30 },
    ],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: ['platform'] }] }],
        },
      },
    },
  }
  const pod = { imagePullSecrets: [{ name: 'registry' }], ...placed, containers: [container] }
  const labels = { release: 'prometheus' }
  const monitors = ['ServiceMonitor/modelrelease-operator', 'PrometheusRule/modelrelease'].map((one) => {
    const [kind, name] = one.split('/')
    const where = { name, namespace: NAMESPACE, labels }
    return { apiVersion: 'monitoring.coreos.com/v1', kind, metadata: where }
  })
  const patches = [
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { ...metadata, annotations: { 'eks.amazonaws.com/role-arn': ROLE } },
    },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 3, template: { spec: pod } } },
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, $patch: 'delete' },
    ...monitors,
  ]
  const kustomization = {
    resources: parts.map((part) => relative(folder, join(MANIFESTS, part))),
    images: [{ name: 'modelrelease/operator', newName: 'r.test:5000/operator', digest: DIGEST }],
    configMapGenerator: [
      {
        name: 'cloudfront-allow-list',
        namespace: NAMESPACE,
        behavior: 'replace',
        files: ['allow-list.yaml'],
      },
    ],
    patches: patches.map((patch) => ({ patch: JSON.stringify(patch) })),
  }
  writeFileSync(join(folder, 'kustomization.yaml'), dump(kustomization))
  const values = {
    images: {
      operator: { repository: 'r.test:5000/operator', tag: 'ignored', digest: DIGEST },
      modelServer: { repository: 'r.test/server', digest: DIGEST },
    },
    imagePullPolicy: 'Always',
    imagePullSecrets: [{ name: 'registry' }],
    replicas: 3,
    resources,
    ...placed,
    aws: { region: 'eu-west-1', roleArn: ROLE },
    cloudFront: { allowList: [TARGET], updateSpacingSeconds: 0, storePropagationSeconds: 3600 },
    logLevel: 'debug',
    workers: 8,
    probeAllowedRanges: ['10.0.0.0/8', 'fd00::/8'],
    extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy.test:3128' }],
    networkPolicy: { enabled: false },
    metrics: {
      serviceMonitor: { enabled: true },
      rules: { enabled: true },
      dashboard: { enabled: true },
      labels,
    },
  }
  return { folder, values }
}

withTools(OLDEST_KUBECTL, KUBECTL)('kubectl 1.20, which knows files alone,', () => {
  test.each(['.', 'base'])('renders %s as a current one does', (folder) => {
    const path = join(MANIFESTS, folder)
    expect(normal(kustomized(path, OLDEST_KUBECTL))).toEqual(normal(kustomized(path)))
  })
})

/** Values that are wrong, each by what the message must name. */
const WRONG: [names: string, values: Json][] = [
  ['replica', { replica: 3 }],
  ['replicas', { replicas: '3' }],
  ['replicas', { replicas: 0 }],
  ['images/operator', { images: { operator: { name: 'r.test/operator' } } }],
  ['images/operator/repository', { images: { operator: { repository: 'https://r.test/operator' } } }],
  ['images/modelServer/digest', { images: { modelServer: { digest: 'sha256:short' } } }],
  ['imagePullPolicy', { imagePullPolicy: 'Sometimes' }],
  ['imagePullSecrets/0', { imagePullSecrets: ['registry'] }],
  ['resources', { resources: { request: { cpu: '1' } } }],
  ['nodeSelector/pool', { nodeSelector: { pool: 1 } }],
  ['tolerations/0/effect', { tolerations: [{ key: 'dedicated', effect: 'NoScheduling' }] }],
  ['tolerations/0', { tolerations: [{ keys: 'dedicated' }] }],
  ['affinity', { affinity: { nodeSelectorTerms: [] } }],
  ['watchNamespaces', { watchNamespaces: 'models' }],
  ['watchNamespaces/0', { watchNamespaces: ['Models'] }],
  ['aws/region', { aws: { region: 'Frankfurt' } }],
  ['aws/roleArn', { aws: { roleArn: 'modelrelease-operator' } }],
  ['cloudFront', { cloudfront: { allowAll: true } }],
  ['cloudFront/allowAll', { cloudFront: { allowAll: 'yes' } }],
  ['cloudFront/updateSpacingSeconds', { cloudFront: { updateSpacingSeconds: -1 } }],
  ['cloudFront/storePropagationSeconds', { cloudFront: { storePropagationSeconds: 3601 } }],
  ['cloudFront/allowList', { cloudFront: { allowList: { targets: [TARGET] } } }],
  ['cloudFront/allowList/0', { cloudFront: { allowList: [{ ...TARGET, namespace: 'models' }] } }],
  ['logLevel', { logLevel: 'verbose' }],
  ['workers', { workers: 65 }],
  ['probeAllowedRanges/0', { probeAllowedRanges: ['10.0.0.0'] }],
  ['extraEnv/0', { extraEnv: [{ name: 'A', values: 'b' }] }],
  ['networkPolicy/enabled', { networkPolicy: { enabled: 'false' } }],
  ['metrics', { metrics: { prometheusRule: { enabled: true } } }],
  ['crds', { crds: { install: false } }],
]

describe('a wrong value is refused by its name', () => {
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema)

  test('the values of the chart, and all that its tests give, are right', () => {
    const { values } = everything([])
    for (const given of [{}, ...Object.values(OVERLAYS), values]) {
      validate(merged(defaults, given))
      expect(validate.errors).toBeNull()
    }
  })

  test.each(WRONG)('%s, by the schema', (names, values) => {
    expect(validate(merged(defaults, values))).toBe(false)
    const [error] = validate.errors ?? []
    const told = `${error?.instancePath ?? ''} ${JSON.stringify(error?.params)}`
    expect(told.toLowerCase()).toContain(names.toLowerCase())
  })

  test.each<[string, unknown]>([
    ['nothing', []],
    ['all of it', [TARGET]],
    ['the least', [{ namespaces: ['*'], distributionId: 'E123EXAMPLE' }]],
    ['no namespace', [{ ...TARGET, namespaces: [] }]],
    ['no distribution', [{ namespaces: ['*'] }]],
    ['a distribution by its ARN', [{ ...TARGET, distributionId: 'arn:aws:cloudfront::1:distribution/E1' }]],
    ['a misspelt member', [{ ...TARGET, behaviours: ['*'] }]],
    ['no behavior', [{ ...TARGET, behaviors: [] }]],
    ['origins that are a text', [{ ...TARGET, origins: 'housing-blue' }]],
    ['a store by its name', [{ ...TARGET, keyValueStores: [{ arn: 'housing' }] }]],
    ['a store with no key', [{ ...TARGET, keyValueStores: [{ ...TARGET.keyValueStores[0], keys: [] }] }]],
    [
      'a store with a misspelt member',
      [{ ...TARGET, keyValueStores: [{ ...TARGET.keyValueStores[0], key: 'a' }] }],
    ],
    ['a role that is a text', [{ ...TARGET, role: ROLE }]],
    ['a role of a user', [{ ...TARGET, role: { arn: 'arn:aws:iam::123456789012:user/one' } }]],
    ['an external id with a space', [{ ...TARGET, role: { arn: ROLE, externalId: 'a b' } }]],
  ])('an allow-list of %s, as the operator takes or refuses it', (_, allowList) => {
    const taken = 'targets' in parseAllowList({ targets: allowList })
    expect(validate(merged(defaults, { cloudFront: { allowList } }))).toBe(taken)
  })
})

/** Values as Helm lays them over those of the chart. */
function merged(below: unknown, above: unknown): unknown {
  if (!isObject(below) || !isObject(above)) return above
  const names = [...new Set([...Object.keys(below), ...Object.keys(above)])]
  return Object.fromEntries(
    names.map((name) => [name, name in above ? merged(below[name], above[name]) : below[name]]),
  )
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

describe.each(Object.entries(HELMS))('%s', (_name, program) => {
  const { helm, templated } = helmOf(program)

  withTools(program, KUBECTL)('renders what kustomize renders', () => {
    test.each(Object.entries(OVERLAYS))('%s', (overlay, values) => {
      const wanted = shared(kustomized(join(MANIFESTS, overlay)))
      expect(wanted.size).toBeGreaterThan(10)
      expect(shared(templated(values))).toEqual(wanted)
    })

    test('with every value, over eks and monitoring', () => {
      const { folder, values } = everything(['overlays/eks', 'monitoring'])
      expect(shared(templated(values))).toEqual(shared(kustomized(folder)))
    })

    test('in any namespace, for namespaces whose names are digits too', () => {
      const objects = objectsOf(
        helm(['template', 'modelrelease'], { watchNamespaces: ['1', 'two'] }, { namespace: '7' }),
      )
      const namespaces = (kind: string): unknown[] =>
        objects.filter((one) => one.kind === kind).map(({ metadata }) => metadata.namespace)
      expect(namespaces('Role')).toEqual(['1', 'two', '7'])
      expect(namespaces('RoleBinding')).toEqual(['1', 'two', '7'])
      expect(namespaces('Deployment')).toEqual(['7'])
      expect(JSON.stringify(objects)).not.toContain(NAMESPACE)
    })
  })

  withTools(program)('with the chart', () => {
    test.each(WRONG)('refuses a wrong %s by its name, before anything is installed', (names, values) => {
      const { status, stderr } = helm(['template', 'modelrelease'], values)
      expect(status).not.toBe(0)
      for (const name of names.split('/')) expect(stderr.toLowerCase()).toContain(name.toLowerCase())
    })

    test('refuses an allow-list beside all being allowed', () => {
      const values = { cloudFront: { allowAll: true, allowList: [TARGET] } }
      expect(helm(['template', 'modelrelease'], values).stderr).toContain(
        'cloudFront.allowAll and cloudFront.allowList are both set: remove one of them',
      )
    })

    test.each([
      ['nothing', {}],
      ['everything', everything([]).values],
    ])('lints it with %s', (_, values) => {
      const { status, stdout, stderr } = helm(['lint', '--strict'], values)
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).not.toMatch(/\[(WARNING|ERROR)\]/)
    })

    test('restarts the operator with another allow-list, and only then', () => {
      const mounted = (distributionId: string): string | undefined =>
        /name: cloudfront-allow-list-\w+/.exec(
          helm(['template', 'modelrelease'], { cloudFront: { allowList: [{ ...TARGET, distributionId }] } })
            .stdout,
        )?.[0]
      expect(mounted('E123EXAMPLE')).toBeDefined()
      expect(mounted('E123EXAMPLE')).toBe(mounted('E123EXAMPLE'))
      expect(mounted('E123EXAMPLE')).not.toBe(mounted('E456EXAMPLE'))
    })

    test('lets every namespace use every distribution where that is said', () => {
      const allowed = JSON.stringify(templated({ cloudFront: { allowAll: true } }))
      expect(allowed).toContain('{"name":"CLOUDFRONT_ALLOW_ALL","value":"true"}')
      expect(JSON.stringify(templated({}))).not.toContain('CLOUDFRONT_ALLOW')
    })

    test('keeps the CRD when it is uninstalled, upgrades it, and leaves it to others where that is said', () => {
      const crdWith = (crds: Json): Rendered | undefined =>
        templated({ crds }).find(({ kind }) => kind === 'CustomResourceDefinition')
      expect(crdWith({})?.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' })
      expect(crdWith({ keep: false })?.metadata.annotations).toBeUndefined()
      expect(crdWith({ enabled: false })).toBeUndefined()
    })

    test.each<[string, Json, RegExp]>([
      ['no distribution may be used', {}, /No release may use a CloudFront distribution yet/],
      [
        'it looks after some namespaces',
        { watchNamespaces: ['a', 'b'] },
        /releases in a, b, and in no other/,
      ],
    ])('says the next step, and that %s', (_, values, note) => {
      // helm shows them at an installation alone, which takes a cluster.
      const chart = mkdtempSync(join(scratch, 'chart-'))
      cpSync(CHART, chart, { recursive: true })
      cpSync(join(CHART, 'templates/NOTES.txt'), join(chart, 'notes'))
      writeFileSync(
        join(chart, 'templates/shown.yaml'),
        'kind: Notes\nnotes: {{ tpl (.Files.Get "notes") . | toJson }}\n',
      )
      const objects = objectsOf(helm(['template', 'modelrelease'], values, { chart }))
      const notes = objects.find(({ kind }) => kind === 'Notes')?.notes
      expect(notes).toMatch(
        /kubectl rollout status deployment\/modelrelease-operator --namespace modelrelease-system/,
      )
      expect(notes).toMatch(note)
    })
  })
})

withTools(...Object.values(HELMS), KUBECTL)('docs/install.md', () => {
  const blocks = [
    ...text('../docs/install.md')
      .replaceAll('REGISTRY', 'r.test')
      .matchAll(/^```yaml\n(.*?)^```/gms),
  ].map(([, block = '']) => block)

  test.each([
    ['# my-modelrelease/kustomization.yaml', 11],
    ['# my-modelrelease/kustomization.yaml, for EKS', 15],
  ])('shows an overlay that renders: %s', (title, least) => {
    const folder = mkdtempSync(join(scratch, 'shown-'))
    const block = blocks.find((one) => one.startsWith(`${title}\n`)) ?? ''
    const here = block.replaceAll('../modelrelease/manifests', relative(folder, MANIFESTS))
    writeFileSync(join(folder, 'kustomization.yaml'), here)
    writeFileSync(join(folder, 'allow-list.yaml'), dump({ targets: [TARGET] }))
    const objects = kustomized(folder)
    expect(objects.length).toBeGreaterThan(least)
    expect(JSON.stringify(objects)).toContain('"image":"r.test/modelrelease-operator:0.1.0"')
  })

  test.each(Object.entries(HELMS))('shows values that the chart takes, by %s', (_, program) => {
    const { templated } = helmOf(program)
    const values = load(blocks.find((one) => one.startsWith('# my-values.yaml\n')) ?? '') as Json
    expect(JSON.stringify(templated(values))).toContain('"image":"r.test/modelrelease-operator:0.1.0"')
  })

  // It would delete every release.
  test.each(Object.keys(OVERLAYS))(
    'selects all of %s but the CRD by the label, for the removal',
    (overlay) => {
      const selected = ({ metadata }: Rendered): boolean =>
        metadata.labels?.['app.kubernetes.io/name'] === 'modelrelease-operator'
      const outside = kustomized(join(MANIFESTS, overlay)).filter((one) => !selected(one))
      // What lies in the operator's own namespace goes with it.
      const left = outside.filter(({ metadata }) => metadata.namespace !== NAMESPACE)
      expect(left.map(({ kind }) => kind)).toEqual(['CustomResourceDefinition'])
    },
  )
})

type Container = {
  image: string
  imagePullPolicy: string
  resources: Json
  env: { name: string; value?: string }[]
}
type Deployment = { spec: { replicas: number; template: { spec: { containers: [Container] } } } }

describe('the chart', () => {
  const deployment = load(text('base/deployment.yaml')) as Deployment
  const [container] = deployment.spec.template.spec.containers

  test('has the defaults of the base', () => {
    const { images, imagePullPolicy, replicas, resources } = defaults as Record<
      'images',
      Record<string, Json>
    > &
      Json
    const nameOf = ({ repository, tag }: Json = {}): string => `${String(repository)}:${String(tag)}`
    expect({ replicas, resources, imagePullPolicy, image: nameOf(images.operator) }).toEqual({
      replicas: deployment.spec.replicas,
      resources: container.resources,
      imagePullPolicy: container.imagePullPolicy,
      image: container.image,
    })
    const server = container.env.find(({ name }) => name === 'MODEL_SERVER_IMAGE')
    expect(server?.value).toBe(nameOf(images.modelServer))
  })

  test('has the version of the repository', () => {
    const { version } = JSON.parse(text('../package.json')) as { version: string }
    expect(load(text('helm/modelrelease/Chart.yaml'))).toMatchObject({ version, appVersion: version })
  })

  test('has a value for every variable of the operator', () => {
    const read = new Set<string>()
    const environment = new Proxy<Record<string, string>>(
      {},
      { get: (_, name) => void read.add(String(name)) },
    )
    expect(() => readConfig(environment)).toThrow('MODEL_SERVER_IMAGE is not set')
    // Ports that the Service, the policy and the probes name as well; an API that is not AWS's own.
    const fixed = ['METRICS_PORT', 'HEALTH_PORT', 'CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT']
    const templates =
      text('helm/modelrelease/templates/_helpers.tpl') + text('helm/modelrelease/templates/deployment.yaml')
    const known = [...read].filter((name) => templates.includes(name))
    expect([...known, ...fixed].toSorted()).toEqual([...read].toSorted())
  })
})
