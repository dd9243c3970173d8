/** The program beside kubectl, against a real API server. No operator runs here: statuses are written as it would. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { attempt, type RunResult } from '../../cluster/command.ts'
import { CLUSTER_UP_MS, realCluster, type RealCluster } from '../../operator/test/e2e/real-cluster.ts'

let cluster: RealCluster
const COLLECTION = (): string =>
  `/apis/modelrelease.io/v1alpha1/namespaces/${cluster.namespace}/modelreleases`

beforeAll(async () => {
  cluster = await realCluster('cli')
}, CLUSTER_UP_MS)
afterAll(() => cluster.close())

/** Runs the program as a process of its own, with the cluster's kubeconfig. */
function cli(argv: readonly string[], input?: string): Promise<RunResult> {
  return attempt(
    process.execPath,
    ['cli/main.ts', ...argv, '--kubeconfig', cluster.handle.kubeconfigPath, '-n', cluster.namespace],
    input === undefined ? {} : { input },
  )
}

function manifest(name: string, version: string): string {
  const spec = { model: { name: 'housing', version, uri: `https://models.example.com/${version}.onnx` } }
  return JSON.stringify({
    apiVersion: 'modelrelease.io/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name },
    spec,
  })
}

/** Writes a status of the present generation, or of the one before it, as the operator would. */
async function writeStatus(name: string, outcome: 'Promoted' | 'Failed', generationsBack = 0): Promise<void> {
  const path = `${COLLECTION()}/${name}`
  const { body } = await cluster.admin.request({ path })
  const release = JSON.parse(body) as { metadata: { generation: number } }
  const observedGeneration = release.metadata.generation - generationsBack
  const isLive = outcome === 'Promoted'
  const status = {
    observedGeneration,
    phase: isLive ? 'Live' : 'Failed',
    attempt: {
      id: `a${observedGeneration}`,
      revision: `r${observedGeneration}`,
      startedAt: '2026-01-01T00:00:00Z',
      deadline: '2026-01-01T00:10:00Z',
      direction: 'Forward',
      outcome,
      reason: isLive ? 'Promoted' : 'GateFailed',
    },
    conditions: [
      {
        type: 'Ready',
        status: isLive ? 'True' : 'False',
        reason: outcome,
        message: outcome,
        lastTransitionTime: '2026-01-01T00:00:00Z',
        observedGeneration,
      },
    ],
  }
  const answer = await cluster.admin.request({
    method: 'PUT',
    path: `${path}/status`,
    body: JSON.stringify({ ...release, status }),
  })
  expect(answer.status).toBe(200)
}

describe('prints what kubectl prints', () => {
  beforeAll(async () => {
    await cluster.kubectlOk(['apply', '--server-side', '-f', '-'], manifest('seen', '1'))
    await writeStatus('seen', 'Promoted')
  })

  test.each([
    [['get']],
    [['get', '-o', 'wide']],
    [['get', 'seen', '-o', 'yaml']],
    [['get', 'seen', '-o', 'json']],
    [['get', '-o', 'name']],
    [['get', '-l', 'nothing=here']],
  ])('%j', async (argv) => {
    const [verb = '', ...rest] = argv
    const ours = await cli(argv)
    const theirs = await cluster.kubectl([verb, 'mr', ...rest].filter((word) => word !== ''))
    // Between the two it may have become a second older.
    const text = (printed: string): string => printed.replaceAll(/ \d+s\b/g, ' AGE').replaceAll(/ +$/gm, '')
    expect(text(ours.stdout)).toBe(text(theirs.stdout))
    expect(ours.code).toBe(theirs.code)
  })
})

describe('apply', () => {
  test('creates, changes and leaves alone, as kubectl does and beside it', async () => {
    expect((await cli(['apply', '-f', '-'], manifest('housing', '1'))).stdout).toContain('housing created')
    expect((await cli(['apply', '-f', '-'], manifest('housing', '1'))).stdout).toContain('housing unchanged')
    expect((await cli(['apply', '-f', '-'], manifest('housing', '2'))).stdout).toContain('housing configured')
    await cluster.kubectlOk(['apply', '--server-side', '-f', '-'], manifest('housing', '3'))
    expect((await cli(['diff', '-f', '-'], manifest('housing', '3'))).code).toBe(0)
    expect((await cli(['diff', '-f', '-'], manifest('housing', '4'))).code).toBe(1)
  })

  test('what the API server refuses ends with 3 and changes nothing', async () => {
    const bad = manifest('bad', '1').replace('https://', 'nowhere://')
    const { code, stderr } = await cli(['apply', '--wait', '-f', '-'], bad)
    expect(stderr).toContain('spec.model.uri')
    expect(code).toBe(3)
    expect((await cluster.kubectl(['get', 'mr', 'bad'])).code).not.toBe(0)
  })

  test('--wait believes no status of the generation before', async () => {
    await cli(['apply', '-f', '-'], manifest('waited', '1'))
    await writeStatus('waited', 'Promoted')
    const waiting = cli(['apply', '--wait', '--timeout', '2m', '-f', '-'], manifest('waited', '2'))
    await cluster.until(COLLECTION(), 'waited', (object) => object?.metadata.generation === 2)
    await writeStatus('waited', 'Promoted', 1)
    await writeStatus('waited', 'Failed')
    const { code, stdout } = await waiting
    expect(stdout).toContain('Failed after')
    expect(code).toBe(1)
  })

  test('of nothing, 3; of what nobody looks at, 2', async () => {
    expect((await cli(['status', 'none', '--watch'])).code).toBe(3)
    const { code } = await cli(['apply', '--wait', '--timeout', '2s', '-f', '-'], manifest('unseen', '1'))
    expect(code).toBe(2)
  })
})

test('a field that no schema has ends at once, by its name', async () => {
  const { spec, ...rest } = JSON.parse(manifest('misspelt', '1')) as { spec: object }
  const file = JSON.stringify({ ...rest, spec: { ...spec, replica: 2 } })
  const ran = await cli(['apply', '-f', '-'], file)
  expect(ran.stderr).toContain('.spec.replica')
  expect(ran.stderr).not.toContain('trying again')
  expect(ran.code).toBe(3)
})
