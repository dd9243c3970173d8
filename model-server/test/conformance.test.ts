import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { conform } from './conformance.ts'
import { housingModel } from './housing.ts'
import { addsub, identity } from './onnx-writer.ts'
import { ServerProcess } from './server-process.ts'
import { scratchFolder } from './scratch-folder.ts'

const folder = scratchFolder('model-server-conformance')

function written(name: string, bytes: Buffer): string {
  const path = join(folder, `${name}.onnx`)
  writeFileSync(path, bytes)
  return path
}

test.each([
  ['housing', housingModel('2').path],
  ['addsub', written('addsub', addsub())],
  ['text', written('text', identity('BYTES'))],
  ['integers', written('integers', identity('INT64', ['N', 3, 2]))],
])('this server conforms with the model %s', async (name, path) => {
  const server = new ServerProcess({ MODEL_NAME: name, MODEL_URI: path })
  const url = await server.origin()
  await server.logged('Model loaded and warmed up')
  const verdicts = await conform(url, name)
  await server.kill()
  expect(verdicts.filter(({ problem }) => problem !== undefined)).toEqual([])
  expect(verdicts.length).toBeGreaterThan(40)
})

test('a server that says yes to everything does not conform', async () => {
  const metadata = {
    name: 'yes',
    version: '1',
    extensions: ['binary_tensor_data'],
    platform: 'none',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
  }
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end(JSON.stringify(metadata)))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const verdicts = await conform(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'yes')
  server.close()
  const problems = verdicts.filter(({ problem }) => problem !== undefined).map(({ title }) => title)
  expect(problems).toEqual(expect.arrayContaining(['infer: zeros, flat', 'infer: an element too few']))
  expect(problems).not.toContain('the server is live')
})
