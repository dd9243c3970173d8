/** Drift as the real process tells it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { writeModel } from '../test/onnx-writer.ts'
import { ServerProcess } from '../test/server-process.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const folder = scratchFolder('drift')
const REFERENCE = JSON.stringify({ features: { RM: { edges: [6], shares: [0.5, 0.5] } } })

let server: ServerProcess | undefined
afterAll(() => server?.kill())

function start(metadata: Record<string, string>, env: Record<string, string> = {}): ServerProcess {
  const port = { datatype: 'FP32', shape: ['N', 2] } as const
  const path = join(folder, 'model.onnx')
  writeFileSync(
    path,
    writeModel({
      inputs: [{ name: 'x', ...port }],
      outputs: [{ name: 'y', ...port }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
      metadata: { columns: 'RM,TAX', ...metadata },
    }),
  )
  return new ServerProcess({ MODEL_NAME: 'houses', MODEL_URI: path, ...env })
}

test.each([
  ["the model's own metadata", { drift_reference: REFERENCE }, {}],
  ['a file', {}, { DRIFT_REFERENCE: join(folder, 'reference.json') }],
])('requests of every protocol are held against the reference in %s', async (_, metadata, env) => {
  writeFileSync(join(folder, 'reference.json'), REFERENCE)
  server = start(metadata, env)
  const origin = await server.origin()
  await server.logged('Model loaded and warmed up')
  const post = async (path: string, body: unknown): Promise<void> => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${origin}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)])
  }
  await post('/predict', { RM: { 0: 5, 1: 7 }, TAX: { 0: 1, 1: 1 } })
  await post('/v2/models/houses/infer', {
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [8, 1] }],
  })
  const metrics = await (await fetch(`${await server.opsOrigin()}/metrics`)).text()
  const buckets = metrics.split('\n').filter((line) => line.startsWith('model_server_feature_values_bucket'))
  expect(buckets.map((line) => line.replace(/,model.*feature=/, ' ').replace(/,color.* /, ' '))).toEqual([
    'model_server_feature_values_bucket{le="6" "RM" 1',
    'model_server_feature_values_bucket{le="+Inf" "RM" 3',
  ])
  await server.kill()
})

test('a reference that does not fit the model refuses it', async () => {
  server = start({ drift_reference: REFERENCE.replace('RM', 'AGE') })
  expect(await server.logged('Model refused; not ready until restarted')).toMatchObject({
    reason: expect.stringContaining(
      "the drift reference 'drift_reference' in its metadata_props: expected features among RM, TAX, got 'AGE'",
    ),
  })
  await server.kill()
})
