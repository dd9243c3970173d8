import { HOUSING } from '../bare-runs.ts'
import { column, interleaved, modelServer, startServer, withServers } from '../context.ts'
import type { Context, Part, Running } from '../context.ts'
import { ask } from '../clients.ts'
import { atRate, expectStatuses, saturate } from '../load.ts'
import type { Measure } from '../measure.ts'
import type { OpenLoopResult } from '../open-loop.ts'
import { QUESTIONS } from '../questions.ts'

const OVERLOAD = 3
const CLIENTS = 1_024

type Overload = OpenLoopResult & { perSecond: number; peak: number }

/**
 * Requests of 64 rows, since a client on one core cannot ask three times as often as the server on the other answers single
 * rows. A model that runs on the event loop answers in the order in which it reads, and each client waits with one request: the
 * bound is the number of clients. They come all at once, and what each waits to be let in counts with its first request. A client
 * that is asked to send while it waits keeps the request to itself, so the latency counts from the sending; from the due time it
 * grows for as long as the overload lasts.
 */
export const fastOverload: Part = {
  title: `The fast model at ${OVERLOAD} × its capacity, 64 rows in a request, ${CLIENTS.toLocaleString('en-US')} clients, one core`,
  run: (context) =>
    withServers(
      { server: () => startServer(context, 'fast-overload', modelServer(context, HOUSING)) },
      async ({ server }) => {
        if (!server) throw new Error('no server')
        return measure(context, server)
      },
    ),
}

async function measure(context: Context, server: Running): Promise<Measure[]> {
  const samples = await interleaved(context, { server: () => overload(context, server) })
  const of = (pick: (one: Overload) => number): number[] => column(samples, 'server', pick)
  return [
    {
      name: 'p99 of the accepted, of clients / answers a second',
      unit: '',
      values: of((one) => one.sentP99Ms / ((CLIENTS / answersPerSecond(context, one)) * 1000)),
      target: { most: 2 },
      note: 'from the sending; every other answer was a 503',
    },
    { name: 'p99 of the accepted', unit: 'ms', values: of((one) => one.sentP99Ms), note: 'from the sending' },
    { name: 'goodput, of peak', unit: '', values: of(({ perSecond, peak }) => perSecond / peak) },
    { name: 'refused, of all', unit: '', values: of(({ statuses, due }) => (statuses['503'] ?? 0) / due) },
    { name: 'peak', unit: '/s', values: of(({ peak }) => peak), note: '8 connections' },
  ]
}

/** While the overload lasted, refusals among them. */
function answersPerSecond({ seconds }: Context, { perSecond, statuses }: Overload): number {
  return perSecond + (statuses['503'] ?? 0) / seconds
}

async function overload(context: Context, server: Running): Promise<Overload> {
  const question = QUESTIONS['rows-64']()
  const { perSecond: peak } = await saturate(context, server, { questions: [question], connections: 8 })
  const result = await atRate(context, server, {
    question: 'rows-64',
    rate: peak * OVERLOAD,
    connections: CLIENTS,
  })
  expectStatuses(result, [200, 503])
  await ask(server.origin, question)
  return { ...result, peak, perSecond: result.goodInTime / context.seconds }
}
