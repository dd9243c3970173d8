import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bareRuns } from '../bare-runs.ts'
import { column, interleaved, modelServer, startServer, withServers } from '../context.ts'
import type { Context, Part, Running } from '../context.ts'
import { saturate } from '../load.ts'
import type { Measure } from '../measure.ts'
import { imageModel } from '../models.ts'
import { QUESTIONS } from '../questions.ts'
import { ratios } from '../statistics.ts'

const CONNECTIONS = 4
const BARE = 'bare `session.run`'

/** What the binary extension of V2 is for. */
export const imageTensor: Part = {
  title: `A picture (FP32, 1 × 3 × 224 × 224) in a request, ${CONNECTIONS} connections, one core`,
  run: (context) => {
    const model = join(context.scratch, 'image.onnx')
    writeFileSync(model, imageModel())
    const start = (): Promise<Running> =>
      startServer(context, 'image', modelServer(context, { MODEL_NAME: 'image', MODEL_URI: model }))
    return withServers({ server: start }, ({ server }) => measure(context, model, server))
  },
}

async function measure(context: Context, model: string, server: Running | undefined): Promise<Measure[]> {
  if (!server) throw new Error('no server')
  const samples = await interleaved(context, {
    JSON: () =>
      saturate(context, server, { questions: [QUESTIONS['image-json']()], connections: CONNECTIONS }),
    binary: () =>
      saturate(context, server, { questions: [QUESTIONS['image-binary']()], connections: CONNECTIONS }),
    [BARE]: () => bareRuns(context, { model, shape: '1x3x224x224' }),
  })
  const rate = (name: string): number[] => column(samples, name, ({ perSecond }) => perSecond)
  const cpu = (name: string): number[] => column(samples, name, ({ cpuMicros }) => cpuMicros)
  return [
    {
      name: 'binary, of JSON: throughput',
      unit: '',
      values: ratios(rate('binary'), rate('JSON')),
      target: { least: 10 },
    },
    {
      name: 'CPU time of JSON per request, of binary',
      unit: '',
      values: ratios(cpu('JSON'), cpu('binary')),
      target: { least: 10 },
    },
    ...['binary', 'JSON', BARE].flatMap((name) => [
      { name: `${name}: pictures`, unit: '/s', values: rate(name) },
      { name: `${name}: CPU time per picture`, unit: 'µs', values: cpu(name) },
    ]),
  ]
}
