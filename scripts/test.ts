/**
 * `npm test`: every test there is, in the order in which they fail fastest. Says what it does while it does it; the last
 * line counts. Exit code 0 only if everything passed.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Count = { passed: number; failed: number; skipped: number }

/** Runs a program with our own output; resolves with its exit code. */
function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

/** A jest project; what it counts is read from its own report, so that a run that died is a failure. */
async function jest(project: string, ...flags: string[]): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), 'modelrelease-test-'))
  const report = join(folder, 'report.json')
  const jestFlags = [
    '--selectProjects',
    project,
    '--reporters',
    './scripts/jest-progress.js',
    '--json',
    `--outputFile=${report}`,
  ]
  try {
    const node = [
      '--disable-warning=ExperimentalWarning',
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
    ]
    const code = await run(process.execPath, [...node, ...jestFlags, '--silent', ...flags])
    return await countOf(report, code)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function countOf(report: string, code: number): Promise<Count> {
  const text = await readFile(report, 'utf8').catch(() => '{}')
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    numPendingTests = 0,
    numRuntimeErrorTestSuites = 0,
  } = JSON.parse(text) as Partial<Record<string, number>>
  const failed = numFailedTests + numRuntimeErrorTestSuites
  return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed, skipped: numPendingTests }
}

/** The cluster that several test files share; not the user's own, and gone when the tests are over. */
const SHARED_CLUSTER = {
  MODELRELEASE_CLUSTER_NAME: 'e2e-shared',
  MODELRELEASE_CLUSTER_RANGE: '10.216.0.0/16',
}

async function endToEnd(): Promise<Count> {
  Object.assign(process.env, SHARED_CLUSTER)
  // An interrupted run cleans up too: the tests end by the same signal, and then it is our turn.
  process.on('SIGINT', () => undefined)
  try {
    return await jest('e2e', '--runInBand')
  } finally {
    await run(process.execPath, ['cluster/cluster.ts', 'down'])
  }
}

/** A check that is a program: one test. */
async function check(program: string, ...args: string[]): Promise<Count> {
  const failed = (await run(program, args)) === 0 ? 0 : 1
  return { passed: 1 - failed, failed, skipped: 0 }
}

const STAGES: { name: string; run: () => Promise<Count> }[] = [
  { name: 'unit tests and simulated worlds', run: () => jest('unit', '--maxWorkers=2') },
  { name: 'the housing models are what their script makes', run: () => check('examples/housing/check.sh') },
  { name: 'a video of a finger is measured', run: () => check('examples/spo2/check.sh') },
  {
    name: 'pictures of digits are taken for what scikit-learn takes them for',
    run: () => check('examples/image-classification/check.sh'),
  },
  { name: 'end to end, on a real cluster', run: endToEnd },
]

const started = performance.now()
const total: Count = { passed: 0, failed: 0, skipped: 0 }
for (const stage of STAGES) {
  console.log(`== ${stage.name}`)
  const count = await stage.run()
  total.passed += count.passed
  total.failed += count.failed
  total.skipped += count.skipped
}
console.log(`tests took ${((performance.now() - started) / 1000).toFixed(0)} s`)
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
)
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
