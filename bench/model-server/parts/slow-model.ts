import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SESSION_RUN, bareRuns } from '../bare-runs.ts'
import { column, interleaved, modelServer, startServer, withServers } from '../context.ts'
import type { Context, Part, Running } from '../context.ts'
import { atRate, expectStatuses, saturate } from '../load.ts'
import type { Measure } from '../measure.ts'
import { slowModel } from '../models.ts'
import type { OpenLoopResult } from '../open-loop.ts'
import { PinnedProcess } from '../pinned-process.ts'
import { QUESTIONS } from '../questions.ts'
import { ratios } from '../statistics.ts'

const MODEL_MS = 20
/** Enough to keep the model busy, too few to fill the queue. */
const CONNECTIONS = 4
const MAX_QUEUE = 16
const OVERLOAD = 3

const LAG_PROBE = fileURLToPath(new URL('../lag-probe.mjs', import.meta.url))
const IDLE_LOOP = fileURLToPath(new URL('../peers/idle-loop.mjs', import.meta.url))

type Lag = { p50: number; p99: number; max: number; samples: number }
type Overload = OpenLoopResult & { perSecond: number; peak: number }

/** A model that would stop the event loop twenty milliseconds at a time. */
export const slowModelPart: Part = {
  title: `A model of ${MODEL_MS} ms, one core`,
  run: async (context) => {
    const model = join(context.scratch, 'slow.onnx')
    const products = await calibrate(context, model)
    const env = { MODEL_NAME: 'slow', MODEL_URI: model, MAX_QUEUE: String(MAX_QUEUE) }
    const start = (): Promise<Running> =>
      startServer(context, 'slow', modelServer(context, env, ['--import', LAG_PROBE]))
    return withServers({ server: start }, async ({ server }) => {
      if (!server) throw new Error('no server')
      return measure(context, { server, model, products })
    })
  },
}

/** Writes the model with as many products as take `MODEL_MS` of CPU time here, and returns their number. */
async function calibrate({ cores }: Context, model: string): Promise<number> {
  const first = 8
  writeFileSync(model, slowModel(first))
  const { cpuMicros } = await bareRuns({ cores, seconds: 2 }, { model, shape: '1x512' })
  const products = Math.max(1, Math.round((first * MODEL_MS * 1000) / cpuMicros))
  writeFileSync(model, slowModel(products))
  return products
}

type Subject = { server: Running; model: string; products: number }

async function measure(context: Context, { server, model, products }: Subject): Promise<Measure[]> {
  const lags = await interleaved(context, {
    server: () => lagOf(server.process, server.logFile, () => busyServer(context, server)),
    idle: () => lagBesideBusy(context, model),
  })
  const overloads = await interleaved(context, { server: () => overload(context, server) })
  const lag = (name: string, pick: (lag: Lag) => number): number[] => column(lags, name, pick)
  const of = (pick: (one: Overload) => number): number[] => column(overloads, 'server', pick)
  const p99 = ({ p99: value }: Lag): number => value
  return [
    {
      name: 'p99 of the event loop’s lag, of an idle loop beside an equally busy process',
      unit: '',
      values: ratios(lag('server', p99), lag('idle', p99)),
      target: { most: 2 },
    },
    { name: 'event loop of the server: p99', unit: 'ms', values: lag('server', p99) },
    { name: 'event loop of the server: longest', unit: 'ms', values: lag('server', ({ max }) => max) },
    { name: 'idle loop: p99', unit: 'ms', values: lag('idle', p99) },
    { name: 'idle loop: longest', unit: 'ms', values: lag('idle', ({ max }) => max) },
    {
      name: `goodput at ${OVERLOAD} × capacity, of peak`,
      unit: '',
      values: of(({ perSecond, peak }) => perSecond / peak),
      target: { least: 0.8 },
    },
    {
      name: 'p99 of the accepted, of queue limit / goodput',
      unit: '',
      values: of((one) => one.p99Ms / ((MAX_QUEUE / one.perSecond) * 1000)),
      target: { most: 1.2 },
      note: `MAX_QUEUE ${MAX_QUEUE}; every other answer was a 503`,
    },
    { name: 'p99 of the accepted', unit: 'ms', values: of((one) => one.p99Ms), note: 'from the due time' },
    {
      name: 'peak',
      unit: '/s',
      values: of(({ peak }) => peak),
      note: `${products} products of matrices of 512 × 512`,
    },
  ]
}

/** Keep the model busy for a round; four clients that wait for their answers. */
async function busyServer(context: Context, server: Running): Promise<void> {
  await saturate(context, server, { questions: [QUESTIONS.slow()], connections: CONNECTIONS })
}

async function lagBesideBusy({ cores, seconds, scratch }: Context, model: string): Promise<Lag> {
  const logFile = join(scratch, 'idle-loop.log')
  const core = cores.server
  const busy = new PinnedProcess({
    core,
    argv: [process.execPath, SESSION_RUN, model, '1x512', '0'],
    logFile: join(scratch, 'busy.log'),
  })
  const idle = new PinnedProcess({
    core,
    argv: [process.execPath, '--import', LAG_PROBE, IDLE_LOOP],
    logFile,
  })
  try {
    // Both have to be up; neither says when.
    await wait(1_500)
    return await lagOf(idle, logFile, () => wait(seconds * 1000))
  } finally {
    await Promise.all([busy.stop(), idle.stop()])
  }
}

/** The lag of a process with the probe while something goes on. */
async function lagOf(process: PinnedProcess, logFile: string, work: () => Promise<void>): Promise<Lag> {
  await askProbe(process, logFile)
  await work()
  return askProbe(process, logFile)
}

async function askProbe(process: PinnedProcess, logFile: string): Promise<Lag> {
  const from = statSync(logFile).size
  process.child.kill('SIGUSR2')
  for (;;) {
    const line = readFileSync(logFile)
      .subarray(from)
      .toString()
      .split('\n')
      .slice(0, -1)
      .find((one) => one.startsWith('{"lag"'))
    if (line !== undefined) return (JSON.parse(line) as { lag: Lag }).lag
    if (!process.isRunning) throw new Error(`it ended before it told its lag; see ${logFile}`)
    await wait(10)
  }
}

async function overload(context: Context, server: Running): Promise<Overload> {
  const { perSecond: peak } = await saturate(context, server, {
    questions: [QUESTIONS.slow()],
    connections: CONNECTIONS,
  })
  const result = await atRate(context, server, {
    question: 'slow',
    rate: peak * OVERLOAD,
    connections: 512,
    checkEvery: 1,
  })
  expectStatuses(result, [200, 503])
  if (result.goodInTime === 0) throw new Error('nothing was answered while the overload lasted')
  return { ...result, peak, perSecond: result.goodInTime / context.seconds }
}
