/** The runtime without a server: the most that any server of it could do. */
import { fileURLToPath } from 'node:url'
import { pinned } from './clients.ts'
import type { Context } from './context.ts'
import { HOUSING_MODEL } from './questions.ts'

/** The environment of a server of the housing model. */
export const HOUSING = { MODEL_NAME: 'housing', MODEL_URI: fileURLToPath(HOUSING_MODEL) }
export const BARE_HOUSING = { model: HOUSING.MODEL_URI }

/** The program that loops; SECONDS 0 makes it go on. */
export const SESSION_RUN = fileURLToPath(new URL('peers/session-run.mjs', import.meta.url))

/** Runs of a model a second, and what each took of the core. */
export type BareRuns = { perSecond: number; cpuMicros: number }

/** @param shape of its one FP32 input, as `64x6` */
export async function bareRuns(
  { cores, seconds }: Pick<Context, 'cores' | 'seconds'>,
  { model, shape }: { model: string; shape: string },
): Promise<BareRuns> {
  const argv = [process.execPath, SESSION_RUN, model, shape, String(seconds)]
  const result = JSON.parse(await pinned(cores.server, argv)) as {
    runs: number
    seconds: number
    cpuSeconds: number
  }
  return { perSecond: result.runs / result.seconds, cpuMicros: (result.cpuSeconds / result.runs) * 1e6 }
}
