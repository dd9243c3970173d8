/** What we ship and show, applied by the API server's own rules of who manages which field. */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { loadAll } from 'js-yaml'
import { CLUSTER_UP_MS, realCluster, type RealCluster } from './real-cluster.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

type Manifest = {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
  spec?: Record<string, unknown>
}

const CLUSTER_WIDE = /^(Namespace|ClusterRole|ClusterRoleBinding|CustomResourceDefinition)$/

let cluster: RealCluster
/** Since 1.25 an API server knows the CEL rules of the CRD; before, it takes it from a client-side apply only. */
let knowsRules: boolean
const made: string[] = []

beforeAll(async () => {
  cluster = await realCluster('manifests')
  const { minor } = JSON.parse(await cluster.kubectlOk(['get', '--raw', '/version'])) as { minor: string }
  knowsRules = Number.parseInt(minor) >= 25
}, CLUSTER_UP_MS)

afterAll(async () => {
  if (made.length > 0) await cluster.kubectl(['delete', '--ignore-not-found', '--wait=false', ...made])
  await cluster.close()
})

/** The same object in this test's namespace, or under a name of its own where it has none; no pod starts. */
function isolated(object: Manifest): Manifest {
  const copy = structuredClone(object)
  if (copy.kind === 'Deployment') copy.spec = { ...copy.spec, replicas: 0 }
  if (!CLUSTER_WIDE.test(copy.kind)) copy.metadata.namespace = cluster.namespace
  else if (copy.kind !== 'CustomResourceDefinition') {
    copy.metadata.name += `-${cluster.namespace}`
    made.push(`${copy.kind}/${copy.metadata.name}`)
  }
  return copy
}

/** What kubectl says to the object, without ever forcing a field from another manager. */
async function apply(object: Manifest, ...flags: string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await cluster.kubectl(['apply', ...flags, '-f', '-'], JSON.stringify(object))
  return { code, stderr }
}

const DONE = { code: 0, stderr: '' }

/** By a client first, as `kubectl apply` is taught everywhere, and by the server from then on. */
async function changeSides(object: Manifest): Promise<void> {
  if (object.kind === 'CustomResourceDefinition') {
    // The other tests' own, which stands from a client-side apply. A trial run warns that it does not write the annotation.
    if (!knowsRules) return
    expect(await apply(object, '--server-side', '--dry-run=server')).toMatchObject({ code: 0 })
    return
  }
  const { kind, metadata } = object
  if (CLUSTER_WIDE.test(kind)) await cluster.handle.claim([`${kind}/${metadata.name}`])
  expect(await apply(object)).toEqual(DONE)
  expect(await apply(object, '--server-side')).toEqual(DONE)
}

async function kustomized(folder: string): Promise<Manifest[]> {
  return loadAll(await cluster.kubectlOk(['kustomize', folder])) as Manifest[]
}

/** Every ModelRelease that a file of ours shows, in YAML or in a block of a page. */
function shownReleases(): { from: string; object: Manifest }[] {
  const files = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.{md,yaml}', 'model-server/*.md'], {
    cwd: ROOT,
    exclude: (path) => path.includes('node_modules'),
  })
  return files.flatMap((from) => {
    const text = readFileSync(join(ROOT, from), 'utf8')
    const blocks = from.endsWith('.md')
      ? [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, block = '']) => block)
      : [text]
    return blocks
      .filter((block) => /^kind: ModelRelease$/m.test(block) && /^metadata:/m.test(block))
      .flatMap((block) => loadAll(block) as Manifest[])
      .map((object) => ({ from, object }))
  })
}

describe('client-side apply, then server-side apply, conflicts nowhere', () => {
  test('in what the kustomization installs', async () => {
    for (const object of await kustomized(join(ROOT, 'manifests'))) await changeSides(isolated(object))
  })

  test('in the releases that pages and examples show', async () => {
    const shown = shownReleases()
    expect(shown.map(({ from }) => from)).toEqual(expect.arrayContaining(['README.md']))
    for (const { object } of shown) await changeSides(isolated(object))
  })
})

describe('an overlay as that of docs/install.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelrelease-overlay-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('names the images, and still does after the next apply', async () => {
    const block = /^```yaml\n(# my-modelrelease\/kustomization\.yaml\n.*?)^```/ms.exec(
      readFileSync(join(ROOT, 'docs/install.md'), 'utf8'),
    )?.[1]
    expect(block).toBeDefined()
    const manifests = relative(folder, join(ROOT, 'manifests'))
    const text = (block ?? '')
      .replaceAll('../modelrelease/manifests', manifests)
      .replaceAll('REGISTRY', 'r.test')
    writeFileSync(join(folder, 'kustomization.yaml'), text)
    const objects = await kustomized(folder)
    const deployment = objects.find(({ kind }) => kind === 'Deployment')
    if (deployment === undefined) throw new Error('the overlay has no Deployment')
    const mine = isolated(deployment)
    await cluster.kubectl(['delete', 'deployment', mine.metadata.name, '--ignore-not-found'])
    for (let times = 0; times < 2; times += 1) expect(await apply(mine, '--server-side')).toEqual(DONE)
    const query = '{.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[*].name}'
    expect(
      await cluster.kubectlOk(['get', 'deployment', mine.metadata.name, '-o', `jsonpath=${query}`]),
    ).toBe('r.test/modelrelease-operator:0.1.0 MODEL_SERVER_IMAGE POD_NAME OPERATOR_NAMESPACE')
    const server = '{.spec.template.spec.containers[0].env[?(@.name=="MODEL_SERVER_IMAGE")].value}'
    expect(
      await cluster.kubectlOk(['get', 'deployment', mine.metadata.name, '-o', `jsonpath=${server}`]),
    ).toBe('r.test/model-server:0.1.0')
  })
})
