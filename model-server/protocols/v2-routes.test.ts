/** Vectors of the protocol, over real sockets: each can be read off its specification without knowing this server. */
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { addsub, identity } from '../test/onnx-writer.ts'
import { ServerProcess } from '../test/server-process.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const folder = scratchFolder('model-server-v2')

async function serve(name: string, bytes: Buffer): Promise<{ server: ServerProcess; origin: string }> {
  const path = join(folder, `${name}.onnx`)
  writeFileSync(path, bytes)
  const server = new ServerProcess({ MODEL_NAME: name, MODEL_URI: path })
  const origin = await server.origin()
  await server.logged('Model loaded and warmed up')
  return { server, origin }
}

type Answer = { status: number | undefined; headers: IncomingHttpHeaders; body: Buffer }

/** A POST with exactly these headers, and in chunks where no length is among them: fetch adds some of its own. */
function post(
  url: string,
  headers: Record<string, string | number>,
  ...chunks: Uint8Array[]
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }),
      )
    })
    asked.on('error', reject)
    for (const chunk of chunks) asked.write(chunk)
    asked.end()
  })
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const SIXTEEN = Array.from({ length: 16 }, (_, index) => index + 1)
const BYTES_OF_SIXTEEN = Buffer.from(Int32Array.from(SIXTEEN).buffer)
const SUM = SIXTEEN.map((value) => 2 * value)
const NOTHING_LEFT = SIXTEEN.map(() => 0)

describe('the sum and the difference of sixteen numbers', () => {
  let server: ServerProcess
  let url: string
  beforeAll(async () => {
    const served = await serve('addsub', addsub())
    server = served.server
    url = `${served.origin}/v2/models/addsub/infer`
  })
  afterAll(() => server.kill())

  const tensor = (name: string, data: unknown): object => ({ name, datatype: 'INT32', shape: [1, 16], data })
  const inputs = [tensor('INPUT0', SIXTEEN), tensor('INPUT1', [SIXTEEN])]
  const output = (name: string, data: number[]): object => ({ name, datatype: 'INT32', shape: [1, 16], data })
  const bytes = (name: string): object => ({
    name,
    datatype: 'INT32',
    shape: [1, 16],
    parameters: { binary_data_size: 64 },
  })
  const sumBytes = Buffer.from(Int32Array.from(SUM).buffer)

  test.each<[string, object, object[], Buffer]>([
    ['both as JSON', {}, [output('OUTPUT0', SUM), output('OUTPUT1', NOTHING_LEFT)], Buffer.alloc(0)],
    ['one as JSON', { outputs: [{ name: 'OUTPUT0' }] }, [output('OUTPUT0', SUM)], Buffer.alloc(0)],
    [
      'the second as bytes',
      { outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT1', parameters: { binary_data: true } }] },
      [output('OUTPUT0', SUM), bytes('OUTPUT1')],
      Buffer.alloc(64),
    ],
    [
      'all but the first as bytes',
      {
        parameters: { binary_data_output: true },
        outputs: [{ name: 'OUTPUT0', parameters: { binary_data: false } }, { name: 'OUTPUT1' }],
      },
      [output('OUTPUT0', SUM), bytes('OUTPUT1')],
      Buffer.alloc(64),
    ],
    [
      'both as bytes',
      { parameters: { binary_data_output: true } },
      [bytes('OUTPUT0'), bytes('OUTPUT1')],
      Buffer.concat([sumBytes, Buffer.alloc(64)]),
    ],
  ])('come %s', async (_, asked, outputs, tail) => {
    const { status, headers, body } = await post(
      url,
      { 'content-type': 'application/json' },
      json({ id: 'seven', inputs, ...asked }),
    )
    const length = headers['inference-header-content-length']
    expect([status, headers['content-type']]).toEqual(
      length === undefined ? [200, 'application/json; charset=utf-8'] : [200, 'application/octet-stream'],
    )
    const head = body.subarray(0, length === undefined ? body.length : Number(length))
    expect(JSON.parse(head.toString())).toEqual({
      model_name: 'addsub',
      model_version: '1',
      id: 'seven',
      outputs,
    })
    expect(body.subarray(head.length)).toEqual(tail)
    expect(Number(headers['content-length'])).toBe(body.length)
  })

  const mixed = { inputs: [bytes('INPUT1'), inputs[0]] }
  test.each<[string, Record<string, string | number>]>([
    ['with a length', { 'content-length': json(mixed).length + 64 }],
    ['in chunks', {}],
    ['under the type of Triton', { 'content-type': 'application/octet-stream' }],
  ])('take bytes %s', async (_, headers) => {
    const head = json(mixed)
    const { status, body } = await post(
      url,
      { 'inference-header-content-length': head.length, ...headers },
      head,
      BYTES_OF_SIXTEEN.subarray(0, 7),
      BYTES_OF_SIXTEEN.subarray(7),
    )
    expect(status).toBe(200)
    expect((JSON.parse(body.toString()) as { outputs: object[] }).outputs[0]).toEqual(output('OUTPUT0', SUM))
  })

  test('need no content type, which the clients of Triton do not send', async () => {
    expect((await post(url, {}, json({ inputs }))).status).toBe(200)
  })

  test.each<[string, Record<string, string>, number, string]>([
    [
      'bytes of another type',
      { 'inference-header-content-length': '2', 'content-type': 'text/csv' },
      415,
      'content-type',
    ],
    [
      'a length beyond the body',
      { 'inference-header-content-length': '99999999999' },
      400,
      'inference-header',
    ],
    ['a deadline that has passed', {}, 504, 'deadline'],
  ])('refuse %s', async (_, headers, status, message) => {
    const answer = await post(url, headers, json({ inputs, parameters: { timeout: 1 } }))
    expect(answer.status).toBe(status)
    expect((JSON.parse(answer.body.toString()) as { error: string }).error).toContain(message)
  })
})

describe('the identity', () => {
  test.each([
    ['FP32', '0000c07f 00000080 0000807f 0100807f'],
    ['INT64', '0100000000002000 ffffffffffffff7f'],
    ['BYTES', '03000000c3a961 00000000'],
    ['BOOL', '01 00 01'],
  ] as const)('of %s gives every byte back', async (datatype, text) => {
    const { server, origin } = await serve('identity', identity(datatype))
    const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex')
    const shape = [1, text.split(' ').length]
    const head = json({
      parameters: { binary_data_output: true },
      inputs: [{ name: 'INPUT0', datatype, shape, parameters: { binary_data_size: bytes.length } }],
    })
    const { body, headers } = await post(
      `${origin}/v2/models/identity/infer`,
      { 'inference-header-content-length': head.length },
      head,
      bytes,
    )
    const tail = body.subarray(Number(headers['inference-header-content-length']))
    await server.kill()
    expect(tail).toEqual(bytes)
  })

  test('of a bare tensor in chunks gives it back', async () => {
    const { server, origin } = await serve('identity', identity('INT32'))
    const bytes = BYTES_OF_SIXTEEN.subarray(0, 32)
    const { body, headers } = await post(
      `${origin}/v2/models/identity/infer`,
      { 'inference-header-content-length': 0, 'content-type': 'application/octet-stream' },
      bytes.subarray(0, 5),
      bytes.subarray(5),
    )
    const length = Number(headers['inference-header-content-length'])
    await server.kill()
    expect(JSON.parse(body.subarray(0, length).toString())).toMatchObject({ outputs: [{ shape: [1, 8] }] })
    expect(body.subarray(length)).toEqual(bytes)
  })
})
