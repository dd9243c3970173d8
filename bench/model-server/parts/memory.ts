import { join } from 'node:path'
import { HOUSING } from '../bare-runs.ts'
import { ask, wrk } from '../clients.ts'
import { modelServer, startServer, withServers } from '../context.ts'
import type { Context, Part, Running } from '../context.ts'
import type { Measure } from '../measure.ts'
import { QUESTIONS } from '../questions.ts'
import { slopeOf } from '../statistics.ts'

const REQUESTS = 1_000_000
/** What came before is the heap finding its size. */
const PROPAGATED = 200_000
const SLICE_SECONDS = 2

/** Not in rounds: one process, a million requests. */
export const memory: Part = {
  title: `Resident memory with the housing model over ${REQUESTS.toLocaleString('en-US')} requests`,
  run: (context) =>
    withServers(
      { server: () => startServer(context, 'memory', modelServer(context, HOUSING)) },
      async ({ server }) => {
        if (!server) throw new Error('no server')
        return measure(context, server)
      },
    ),
}

async function measure(context: Context, server: Running): Promise<Measure[]> {
  const atStart = server.process.residentMiB()
  const options = {
    core: context.cores.client,
    connections: 32,
    seconds: SLICE_SECONDS,
    scratch: join(context.scratch, 'wrk'),
  }
  const question = QUESTIONS.row()
  const points: { x: number; y: number }[] = []
  for (let requests = 0; requests < REQUESTS;) {
    await ask(server.origin, question)
    const result = await wrk(server.origin, question, options)
    if (result.not2xx > 0 || result.broken > 0)
      throw new Error(`not all was answered: ${JSON.stringify(result)}`)
    requests += result.requests
    points.push({ x: requests / 100_000, y: server.process.residentMiB() })
    context.say(
      `  ${requests.toLocaleString('en-US')} requests: ${server.process.residentMiB().toFixed(1)} MiB`,
    )
  }
  await ask(server.origin, question)
  const propagated = points.filter(({ x }) => x * 100_000 >= PROPAGATED)
  return [
    {
      name: 'most ever resident',
      unit: 'MiB',
      values: [server.process.peakResidentMiB()],
      target: { most: 170 },
    },
    {
      name: `growth per 100,000 requests after the first ${PROPAGATED.toLocaleString('en-US')}`,
      unit: 'MiB',
      values: [slopeOf(propagated)],
      target: { most: 1 },
      note: `least-squares line through ${propagated.length} points`,
    },
    { name: 'resident when ready', unit: 'MiB', values: [atStart] },
    {
      name: `resident after ${PROPAGATED.toLocaleString('en-US')} requests`,
      unit: 'MiB',
      values: [propagated[0]?.y ?? NaN],
    },
    { name: 'resident at the end', unit: 'MiB', values: [points.at(-1)?.y ?? NaN] },
  ]
}
