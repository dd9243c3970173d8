/**
 * `npm test`: all unit tests, and one end-to-end test of each family; `npm run test:all`: every test there is. In the order in
 * which they fail fastest. Says what it does while it does it; the last line counts. Exit code 0 only if everything passed.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { readConfig } from '../cluster/config.ts'
import { placesIn } from '../cluster/kind-here/places.ts'
import { programsProblem } from '../cluster/kind-here/programs.ts'
import { kindIsUsable } from '../cluster/kind.ts'
import { runsHere } from '../cluster/node.ts'
import { counted } from '../operator/api/text.ts'

type Count = { passed: number; failed: number; skipped: number }
/** What jest's report holds, as far as it is read. */
type Report = Partial<
  Record<'numPassedTests' | 'numFailedTests' | 'numPendingTests' | 'numRuntimeErrorTestSuites', number>
> & {
  testResults?: { name: string; message: string; assertionResults: Assertion[] }[]
}
type Assertion = { status: string; fullName: string; failureMessages: string[] }

/** Told again at the end, where whoever reads only the last lines of a long log finds them. */
const failures: string[] = []
/** Stages that this machine, or the cluster that was named, cannot have; counted, because nobody knows what they would have found. */
let leftOut = 0

function leaveOut(reason: string): Count {
  leftOut += 1
  console.log(`left out: ${reason}`)
  return { passed: 0, failed: 0, skipped: 0 }
}

/** Runs a program with our own output; resolves with its exit code. */
function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

/** A jest project; what it counts is read from its own report, so that a run that died is a failure. */
function jest(project: string, ...flags: string[]): Promise<Count> {
  return jestBehind([process.execPath], project, flags)
}

/** Jest as the last words of a command, whose first ones end with what runs a file of JavaScript. */
async function jestBehind(
  [program = '', ...before]: readonly string[],
  project: string,
  flags: readonly string[],
): Promise<Count> {
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
    const code = await run(program, [...before, ...node, ...jestFlags, '--silent', ...flags])
    return await countOf(report, code)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function countOf(path: string, code: number): Promise<Count> {
  const report = JSON.parse(await readFile(path, 'utf8').catch(() => '{}')) as Report
  const {
    numPassedTests = 0,
    numFailedTests = 0,
    numPendingTests = 0,
    numRuntimeErrorTestSuites = 0,
  } = report
  const failed = numFailedTests + numRuntimeErrorTestSuites
  failures.push(...storiesOf(report))
  return { passed: numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed, skipped: numPendingTests }
}

const STORY_LINES = 12

/** File, name and first lines of everything that failed; of a file that could not run, what it said. */
function storiesOf({ testResults = [] }: Report): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(process.cwd(), name)
    const failed = assertionResults.filter(({ status }) => status === 'failed')
    if (failed.length === 0 && message !== '' && assertionResults.length === 0) return [story(file, message)]
    return failed.map((one) => story(`${file}: ${one.fullName}`, one.failureMessages.join('\n')))
  })
}

function story(title: string, text: string): string {
  return [`FAILED ${title}`, ...text.split('\n').slice(0, STORY_LINES)].join('\n    ')
}

/** The cluster that several test files share; not the user's own, and gone when the tests are over. */
const SHARED_CLUSTER = {
  MODELRELEASE_CLUSTER_NAME: 'e2e-shared',
  MODELRELEASE_CLUSTER_RANGE: '10.216.0.0/16',
}

function prepareCluster(): Promise<number> {
  return run(process.execPath, ['cluster/cluster.ts', 'prepare'])
}

async function endToEnd(...flags: string[]): Promise<Count> {
  Object.assign(process.env, SHARED_CLUSTER)
  try {
    return await jest('e2e', '--runInBand', ...flags)
  } finally {
    await run(process.execPath, ['demo/clean.ts', '--abandoned'])
    await run(process.execPath, ['cluster/cluster.ts', 'down'])
  }
}

/** The rows of docs/faults.md of which each kind of fault has one: another writer, a lost answer, a refusal, a key. */
const FEW_FAULTS = ['F1', 'F3', 'F12', 'F17 key race'].join(',')

/** Of what releases do, one of each kind: there and back, an operator that dies, a wrong answer, a bad spec. */
const FEW_RELEASES = [
  'is promoted and undone',
  'survives its operator',
  'whose origin would answer wrong',
  'both model and template',
].join('|')

/** What a release does on a real cluster; not how a node of ours is made, nor how the demo judges, nor every fault. */
async function fewEndToEnd(): Promise<Count> {
  process.env.FAULTS_ONLY = FEW_FAULTS
  const others = await endToEnd('--testPathPatterns', 'operator/test/e2e/(?!releases)')
  const releases = await endToEnd('--testPathPatterns', 'operator/test/e2e/releases', '-t', FEW_RELEASES)
  const count = (key: keyof Count): number => others[key] + releases[key]
  // What was not asked for was not skipped.
  return { passed: count('passed'), failed: count('failed'), skipped: others.skipped }
}

/**
 * Runs its arguments with the node program that is its name, and takes the cluster away before the engine goes: routes to it are the
 * machine's.
 */
const WITH_CLUSTER = '"$0" "$@"; code=$?; "$0" cluster/cluster.ts down; exit "$code"'

/** What is installed and asked for, on the cluster that most people with a laptop have; made by kind itself. */
async function onKind(): Promise<Count> {
  const problem = await whyNotOnKind()
  if (problem !== undefined) return leaveOut(problem)
  Object.assign(process.env, SHARED_CLUSTER)
  const kindHere = [process.execPath, 'cluster/kind-here/main.ts', 'sh', '-c', WITH_CLUSTER, process.execPath]
  return jestBehind(kindHere, 'e2e', [
    '--runInBand',
    '--testPathPatterns',
    'operator/test/e2e/(crd|manifests)',
  ])
}

async function whyNotOnKind(): Promise<string | undefined> {
  const { provider, context, cacheDir } = readConfig()
  if (provider === 'context') return `the cluster to test on is the context ${context}`
  if (provider === 'kind' || (provider === 'auto' && (await kindIsUsable())))
    return 'kind made the cluster of the tests before'
  if (!(await runsHere())) return 'making a kind cluster of nothing takes Debian 12 and root'
  const problem = await programsProblem(cacheDir, placesIn(cacheDir))
  return problem === undefined
    ? undefined
    : `kind has to be compiled, and the Go module proxy cannot be used: ${problem}`
}

/**
 * What an API server older than CEL rules, strict checks of fields and the newest names makes of the CRD and of what the
 * operator writes. Only a node of our own can be of any version.
 */
async function onTheOldest(): Promise<Count> {
  if (readConfig().provider === 'context' || !(await runsHere())) {
    return leaveOut('it takes a node of our own, so Debian 12 and root')
  }
  Object.assign(process.env, { MODELRELEASE_KUBERNETES: '1.20', MODELRELEASE_CLUSTER_PROVIDER: 'debian' })
  await prepareCluster()
  return endToEnd('--testPathPatterns', 'operator/test/e2e/(crd|cluster-edge)')
}

/** A check that is a program: one test. */
async function check(program: string, ...args: string[]): Promise<Count> {
  const failed = (await run(program, args)) === 0 ? 0 : 1
  if (failed) failures.push(`FAILED ${[program, ...args].join(' ')}`)
  return { passed: 1 - failed, failed, skipped: 0 }
}

type Stage = { name: string; run: () => Promise<Count> }

const EXAMPLES: readonly Stage[] = [
  { name: 'the housing models are what their script makes', run: () => check('examples/housing/check.sh') },
  { name: 'a video of a finger is measured', run: () => check('examples/spo2/check.sh') },
  {
    name: 'pictures of digits are taken for what scikit-learn takes them for',
    run: () => check('examples/image-classification/check.sh'),
  },
]

function unit(): Promise<Count> {
  return jest('unit', '--maxWorkers=2')
}

function fewUnit(): Promise<Count> {
  process.env.FAULTS = 'few'
  return unit()
}

const FEW: readonly Stage[] = [
  { name: 'unit tests and simulated worlds', run: fewUnit },
  ...EXAMPLES,
  { name: 'end to end, on a real cluster: one test of each family', run: fewEndToEnd },
]

const ALL: readonly Stage[] = [
  { name: 'unit tests and simulated worlds', run: unit },
  ...EXAMPLES,
  {
    name: 'alerts and dashboard, in a real Prometheus',
    run: () => check(process.execPath, 'scripts/monitoring/check.ts'),
  },
  {
    name: 'chart and overlays, rendered by the real helm and kubectl',
    run: () => check(process.execPath, 'scripts/install/check.ts'),
  },
  { name: 'end to end, on a real cluster', run: endToEnd },
  { name: 'the CRD and the manifests, on kind', run: onKind },
  { name: 'the CRD and its use, on the oldest API server', run: onTheOldest },
]

/** The tests end by the same signal, whatever they have running; what is left is ours to remove. */
const interrupted = new AbortController()
process.on('SIGINT', () => interrupted.abort())

const started = performance.now()
const total: Count = { passed: 0, failed: 0, skipped: 0 }
// First, because it says which Kubernetes the tests mean; where it fails, the end-to-end tests say so.
await prepareCluster()
for (const stage of process.argv[2] === 'all' ? ALL : FEW) {
  if (interrupted.signal.aborted) break
  console.log(`== ${stage.name}`)
  const count = await stage.run()
  total.passed += count.passed
  total.failed += count.failed
  total.skipped += count.skipped
}
for (const failure of failures) console.log(failure)
if (interrupted.signal.aborted) console.log('stopped by Ctrl-C before the end')
console.log(`tests took ${((performance.now() - started) / 1000).toFixed(0)} s`)
console.log(
  [
    `${total.passed} passed`,
    `${total.failed} failed`,
    ...(total.skipped > 0 ? [`${total.skipped} skipped`] : []),
    ...(leftOut > 0 ? [`${counted(leftOut, 'stage')} left out`] : []),
  ].join(', '),
)
process.exitCode = interrupted.signal.aborted ? 130 : total.failed === 0 && total.passed > 0 ? 0 : 1
