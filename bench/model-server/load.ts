/** One server under one load: what came of it and what it cost the server. */
import { join } from 'node:path'
import { ask, checkedDuring, openLoop, wrk } from './clients.ts'
import type { Context, Running } from './context.ts'
import type { OpenLoopResult } from './open-loop.ts'
import type { Question, QuestionName } from './questions.ts'

/** A closed loop with the server's CPU time. */
export type Loaded = { perSecond: number; cpuMicros: number; p50Ms: number; p99Ms: number }

/** Questions asked by wrk, before it, beside it and after it; all but the first only by the checker. */
export type Load = { questions: readonly [Question, ...Question[]]; connections: number }

const WARM_UP_SECONDS = 1

/** Load a server as much as it takes. Throws on any answer but the right one. */
export async function saturate(context: Context, server: Running, load: Load): Promise<Loaded> {
  const { questions, connections } = load
  const options = { core: context.cores.client, connections, scratch: join(context.scratch, 'wrk') }
  await askAll(server, questions)
  await wrk(server.origin, questions[0], { ...options, seconds: WARM_UP_SECONDS })
  const before = server.process.cpuSeconds()
  const result = await checkedDuring(server.origin, questions, () =>
    wrk(server.origin, questions[0], { ...options, seconds: context.seconds }),
  )
  const cpuSeconds = server.process.cpuSeconds() - before
  await askAll(server, questions)
  if (result.not2xx > 0 || result.broken > 0) {
    throw new Error(`${result.not2xx} answers were refusals and ${result.broken} never came`)
  }
  const { requests, seconds, p50Ms, p99Ms } = result
  return { perSecond: requests / seconds, cpuMicros: (cpuSeconds / requests) * 1e6, p50Ms, p99Ms }
}

/** Load a server at a fixed rate, and say what its main thread and all of it used. */
export async function atRate(
  context: Context,
  server: Running,
  options: { question: QuestionName; rate: number; connections: number; checkEvery?: number },
): Promise<OpenLoopResult> {
  const { seconds, cores } = context
  const where = { host: '127.0.0.1', port: server.port }
  return openLoop(cores.client, { ...where, seconds, checkEvery: 100, ...options })
}

/** No other status than these. */
export function expectStatuses(
  { statuses, broken, unanswered }: OpenLoopResult,
  allowed: readonly number[],
): void {
  const others = Object.keys(statuses).filter((status) => !allowed.includes(Number(status)))
  if (others.length > 0 || broken > 0 || unanswered > 0) {
    throw new Error(
      `got ${JSON.stringify(statuses)}, ${broken} broken connections, ${unanswered} requests without an answer`,
    )
  }
}

async function askAll(server: Running, questions: readonly Question[]): Promise<void> {
  for (const question of questions) await ask(server.origin, question)
}
