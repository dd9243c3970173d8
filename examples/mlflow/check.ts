/**
 * Registers the housing models in a real MLflow server, loads them from there, and asks MLflow's scoring server and ours the
 * same questions. `check.sh` starts it with the folder of MLflow's programs.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../scripts/free-port.ts'
import { differences, questions } from './questions.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const MODELS = join(HERE, '../housing/models')
const SERVER = join(HERE, '../../model-server/main.ts')
const START_SECONDS = 120

const bin = process.argv[2] ?? ''
const folder = mkdtempSync(join(tmpdir(), 'mlflow-check-'))
const running: ChildProcess[] = []

/** Nothing leaves this machine: both MLflow and onnxruntime report to their makers unless told not to. */
const QUIET = {
  PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
  HOME: folder,
  MLFLOW_DISABLE_TELEMETRY: 'true',
  DO_NOT_TRACK: '1',
  ORT_DISABLE_TELEMETRY: '1',
}

function start(name: string, command: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...QUIET, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // MLflow's programs start others; a group of their own ends them together.
    detached: true,
  })
  const log = createWriteStream(join(folder, `${name}.log`))
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  running.push(child)
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid, 'SIGTERM')
  await once(child, 'exit')
}

async function answers(name: string, child: ChildProcess, url: string): Promise<void> {
  for (let second = 0; second < START_SECONDS && child.exitCode === null; second += 0.25) {
    const response = await fetch(url).catch(() => undefined)
    if (response?.ok) return
    await wait(250)
  }
  throw new Error(
    `${name} does not answer:\n${readFileSync(join(folder, `${name}.log`), 'utf8').slice(-2000)}`,
  )
}

async function run(name: string, command: readonly string[], env: Record<string, string>): Promise<void> {
  const [code] = (await once(start(name, command, env), 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${name}: ${readFileSync(join(folder, `${name}.log`), 'utf8')}`)
}

/** The same questions to both servers of one version; the number of those that were answered differently. */
async function compare(registry: string, version: string, uri: string): Promise<number> {
  const [theirPort, ourPort] = [await freePort(), await freePort()]
  const theirs = start(
    `mlflow-serve-${version}`,
    [
      'mlflow',
      'models',
      'serve',
      '-m',
      `models:/housing/${version}`,
      '--env-manager',
      'local',
      '-h',
      '127.0.0.1',
      '-p',
      String(theirPort),
    ],
    { MLFLOW_TRACKING_URI: registry },
  )
  const ours = start(`model-server-${version}`, [process.execPath, SERVER], {
    MLFLOW_TRACKING_URI: registry,
    MODEL_NAME: 'housing',
    MODEL_VERSION: version,
    MODEL_URI: uri,
    PORT: String(ourPort),
    OPS_PORT: '0',
    DRAIN_DELAY_MS: '0',
  })
  await answers(`mlflow-serve-${version}`, theirs, `http://127.0.0.1:${theirPort}/ping`)
  await answers(`model-server-${version}`, ours, `http://127.0.0.1:${ourPort}/v2/health/ready`)

  let different = 0
  const all = questions()
  for (const question of all) {
    const found = await differences(question, `http://127.0.0.1:${theirPort}`, `http://127.0.0.1:${ourPort}`)
    for (const difference of found) console.log(`version ${version}, ${question.name}: ${difference}`)
    if (found.length > 0) different += 1
  }
  console.log(
    `version ${version} from ${uri}: ${all.length - different} of ${all.length} questions answered alike`,
  )
  await Promise.all([stop(theirs), stop(ours)])
  return different
}

try {
  const registry = `http://127.0.0.1:${await freePort()}`
  const mlflow = start('mlflow', [
    'mlflow',
    'server',
    '--host',
    '127.0.0.1',
    '--port',
    new URL(registry).port,
    '--workers',
    '1',
    '--backend-store-uri',
    `sqlite:///${join(folder, 'mlflow.db')}`,
    '--artifacts-destination',
    join(folder, 'artifacts'),
  ])
  await answers('mlflow', mlflow, `${registry}/health`)
  await run('register', ['python', join(HERE, 'register.py'), MODELS], { MLFLOW_TRACKING_URI: registry })
  const first = await compare(registry, '1', 'mlflow:/models:/housing/1')
  const second = await compare(registry, '2', 'mlflow:/models:/housing@champion')
  process.exitCode = first + second === 0 ? 0 : 1
} finally {
  await Promise.all(running.map(stop))
  rmSync(folder, { recursive: true, force: true })
}
