import { BARE_HOUSING, HOUSING, bareRuns } from '../bare-runs.ts'
import { column, interleaved, modelServer, startServer, withServers } from '../context.ts'
import type { Part } from '../context.ts'
import { saturate } from '../load.ts'
import { QUESTIONS } from '../questions.ts'
import { ratios } from '../statistics.ts'

const ROWS = 64
const BARE = 'bare `session.run`'
const ASKED = {
  'JSON, `/predict`': 'rows-64',
  'JSON, V2': 'rows-64-v2',
  'binary, V2': 'rows-64-binary',
} as const

/** The share of the runtime that is left once rows come and go over HTTP. */
export const batches: Part = {
  title: `${ROWS} rows in a request, 8 connections, one core`,
  run: (context) =>
    withServers(
      { server: () => startServer(context, 'batches', modelServer(context, HOUSING)) },
      async ({ server }) => {
        if (!server) throw new Error('no server')
        const asked = Object.fromEntries(
          Object.entries(ASKED).map(([name, question]) => [
            name,
            () => saturate(context, server, { questions: [QUESTIONS[question]()], connections: 8 }),
          ]),
        )
        const samples = await interleaved(context, {
          ...asked,
          [BARE]: () => bareRuns(context, { ...BARE_HOUSING, shape: `${ROWS}x6` }),
        })
        const rate = (name: string): number[] => column(samples, name, ({ perSecond }) => perSecond * ROWS)
        const cpu = (name: string): number[] => column(samples, name, ({ cpuMicros }) => cpuMicros / ROWS)
        return [
          ...Object.keys(ASKED).flatMap((name) => [
            {
              name: `${name}: rows a second, of ${BARE}`,
              unit: '',
              values: ratios(rate(name), rate(BARE)),
              target: { least: 0.5 },
            },
            {
              name: `${name}: CPU time of ${BARE} per row, of ours`,
              unit: '',
              values: ratios(cpu(BARE), cpu(name)),
            },
          ]),
          ...[...Object.keys(ASKED), BARE].flatMap((name) => [
            { name: `${name}: rows`, unit: '/s', values: rate(name) },
            { name: `${name}: CPU time per row`, unit: 'µs', values: cpu(name) },
          ]),
        ]
      },
    ),
}
