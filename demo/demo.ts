/**
 * `node demo/demo.ts`: tells in the terminal how releases switch under load, and exits 0 only if all of it was true.
 * `--self-test` kills the color that serves instead, and must end in failed. KEEP=1 leaves everything running; it is never
 * taken down by a later run, only by `make clean`. MODELRELEASE_CLUSTER_NAME and _RANGE name another cluster.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { ORIGINS } from './cloudfront.ts'
import { openEnvironment, type Environment } from './environment.ts'
import { OPERATOR, OPERATOR_NAMESPACE } from './install.ts'
import { busyNote, judgeViewers } from './judge-viewers.ts'
import { DEMO_PLACE } from './place.ts'
import { operatorProcesses, residentMiB } from './operator-pods.ts'
import { PHASES } from './phases.ts'
import { ROOT } from './program.ts'
import { createProgress, type Progress } from './progress.ts'
import { allRunning, DEMO_DIR, TakenError } from './running.ts'
import { spoil } from './self-test.ts'
import type { Stage } from './stage.ts'
import { admitViewers, firstRelease, openHousing, tellStory, VERSIONS } from './story.ts'
import { renderTable, type ReleaseRow } from './table.ts'
import { judgeDemo, type Evidence, type Verdict } from './verdict.ts'
import { recountViewers, type Viewers } from './viewers.ts'

type Play = {
  /** Of the cluster; the two plays may run beside each other. */
  name: string
  range: string
  atLeast: number
  /** What happens under load. */
  act: typeof tellStory
  expectedMoves: readonly string[] | undefined
}

const { blue, green } = ORIGINS
const DEMO: Play = {
  name: 'demo',
  range: '10.231.0.0/16',
  atLeast: 5000,
  act: tellStory,
  expectedMoves: [green, blue, green, blue, green],
}
const SELF_TEST: Play = {
  name: 'demo-self-test',
  range: '10.232.0.0/16',
  atLeast: 200,
  act: spoil,
  expectedMoves: undefined,
}

const RUNS_KEPT = 5

/** A folder for the logs of this run. */
function newLogDir(): string {
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+Z$/g, '')
  return join(DEMO_DIR, `${stamp}-${process.pid}`)
}

/** Those of the last few runs stay, and those of whatever runs. */
function removeOldLogs(): void {
  const used = new Set(allRunning().map(({ logDir }) => logDir))
  const runs = readdirSync(DEMO_DIR).filter((entry) => /^\d{8}T\d{6}/.test(entry))
  const old = runs.sort().slice(0, -RUNS_KEPT)
  for (const folder of old.map((entry) => join(DEMO_DIR, entry)))
    if (!used.has(folder)) rmSync(folder, { recursive: true, force: true })
}

/** Plays it and judges it. Whatever goes wrong in between becomes a problem of the verdict. */
async function perform(play: Play, environment: Environment, progress: Progress): Promise<Verdict> {
  const stage: Stage = { environment, say: progress.say, chapters: [], problems: [] }
  let viewers: Viewers | undefined
  let evidence: Evidence = { ...play, ...stage, viewers: undefined, recount: undefined, audit: [] }
  try {
    const scene = await openHousing(stage)
    await firstRelease(stage, scene)
    viewers = await admitViewers(stage)
    await play.act(stage, scene)
  } catch (error) {
    stage.problems.push((error as Error).message)
    evidence = { ...evidence, expectedMoves: undefined }
  }
  if (viewers) evidence = { ...evidence, ...(await countViewers(viewers, stage, play.atLeast)) }
  await tellMemory(stage)
  return judgeDemo({ ...evidence, audit: await environment.cloudFront.audit() })
}

async function countViewers(
  viewers: Viewers,
  { environment, chapters, say }: Stage,
  atLeast: number,
): Promise<Pick<Evidence, 'viewers' | 'recount'>> {
  const { startedAt, endedAt } = await viewers.leave()
  const entries = viewers.entries()
  const stalls = environment.machine.stalls()
  const judged = judgeViewers(entries, { from: startedAt, to: endedAt }, stalls)
  const rows = chapters.map(({ title, outcome, from, to, phases }): ReleaseRow => {
    const window = { from: Math.max(from, startedAt), to }
    if (window.from >= to)
      return { release: title, outcome, phases, requests: 0, failures: 0, longestGapMs: 0 }
    const { requests, failures, longestGapMs } = judgeViewers(entries, window, stalls)
    return { release: title, outcome, phases, requests, failures, longestGapMs }
  })
  const style = process.stdout.isTTY ? 'color' : 'plain'
  process.stdout.write(`\n${renderTable({ phases: PHASES, rows, style })}\n\n`)
  const { notJudged } = judged
  const { logDir } = environment
  const recount = await recountViewers({
    versions: VERSIONS,
    logDir,
    atLeast,
    machine: { stalls, notJudged },
  })
  say(recount.report.split('\n')[0] ?? '')
  const note = busyNote(judged)
  if (note !== '') say(note)
  return { viewers: judged, recount }
}

/** What the operator holds in the end; a number to look at, not to judge. */
async function tellMemory({ environment, say }: Stage): Promise<void> {
  try {
    const processes = await operatorProcesses(environment)
    const sizes = await Promise.all(processes.map((one) => residentMiB(environment.provider, one)))
    const texts = processes.map(({ pod }, index) => `${pod} ${sizes[index]?.toFixed(0) ?? '?'} MiB`)
    say(`resident memory of the operator: ${texts.join(', ')}`)
  } catch (error) {
    say(`resident memory of the operator: ${(error as Error).message}`)
  }
}

function lookAround({ cluster, cloudFront, logDir }: Environment): string {
  return [
    'Look around:',
    `  export KUBECONFIG=${cluster.kubeconfigPath}`,
    // The machine may have none, or one that is too old.
    `  alias kubectl=${cluster.kubectl}`,
    `  kubectl -n ${DEMO_PLACE.namespace} get mr,deployments,services,pods`,
    `  kubectl -n ${DEMO_PLACE.namespace} describe mr housing`,
    `  kubectl -n ${OPERATOR_NAMESPACE} logs -l app.kubernetes.io/name=${OPERATOR}`,
    `  kubectl -n ${OPERATOR_NAMESPACE} port-forward deployment/${OPERATOR} 9090 & curl -s localhost:9090/metrics`,
    `  edges: ${cloudFront.edges.join(' ')} (curl -H 'Host: models.example.com' EDGE/v2)`,
    `  audit log: ${join(logDir, 'audit.jsonl')}`,
    'Stop and remove it: make clean',
  ].join('\n')
}

function interruptible(say: (line: string) => void): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      say(
        controller.signal.aborted
          ? 'already stopping; please wait'
          : `${name}: stopping and removing everything`,
      )
      controller.abort(new Error(`stopped by ${name}`))
    })
  }
  return controller.signal
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { 'self-test': { type: 'boolean', default: false } } })
  const play = values['self-test'] ? SELF_TEST : DEMO
  const logDir = newLogDir()
  const progress = createProgress(process.stdout)
  const signal = interruptible(progress.say)
  const { MODELRELEASE_CLUSTER_NAME: name = play.name, MODELRELEASE_CLUSTER_RANGE: range = play.range } =
    process.env
  try {
    const environment = await openEnvironment({ name, range, logDir, report: progress.say, signal })
    removeOldLogs()
    progress.say('everything stands; the story begins')
    const verdict = await perform(play, environment, progress).catch((error: unknown) => judgeFailure(error))
    if (process.env.KEEP === '1' && !signal.aborted) {
      const howToLook = lookAround(environment)
      process.stdout.write(`Everything is left running. ${howToLook}\n`)
      environment.leave(howToLook)
    } else await environment.close()
    return tell(verdict, logDir)
  } catch (error) {
    if (!(error instanceof TakenError)) return tell(judgeFailure(error), logDir)
    process.stdout.write(`${error.message}\ndemo: not started\n`)
    return 1
  }
}

/** Prints the verdict, keeps it with the logs, and returns the exit code. */
function tell(verdict: Verdict, logDir: string): number {
  const problems = verdict.problems.map((problem) => `- ${problem}`)
  const text = [...problems, `logs: ${relative(ROOT, logDir)}/`, verdict.line].join('\n')
  mkdirSync(logDir, { recursive: true })
  writeFileSync(join(logDir, 'verdict.txt'), `${text}\n`)
  process.stdout.write(`${text}\n`)
  return verdict.result === 'passed' ? 0 : 1
}

function judgeFailure(error: unknown): Verdict {
  return { result: 'failed', line: 'demo: failed', problems: [(error as Error).message] }
}

process.exitCode = await main()
