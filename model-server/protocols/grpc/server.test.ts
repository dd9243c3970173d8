/** The gRPC port of the real process, asked by the client that most languages have. */
import type { EventEmitter } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http2'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'
import { Metadata, credentials, makeClientConstructor, status } from '@grpc/grpc-js'
import type { CallOptions, ServiceClientConstructor, ServiceDefinition, ServiceError } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { addsub, slowModel, writeModel } from '../../test/onnx-writer.ts'
import type { Port } from '../../test/onnx-writer.ts'
import { ServerProcess } from '../../test/server-process.ts'
import { scratchFolder } from '../../test/scratch-folder.ts'

const folder = scratchFolder('model-server-grpc')
const files = ['inference', 'health'].map((name) =>
  fileURLToPath(new URL(`./${name}.proto`, import.meta.url)),
)
const definition = loadSync(files, { keepCase: true, longs: String, enums: String })

type Method = (request: object, metadata: Metadata, options: CallOptions, callback: unknown) => void
type Client = Record<string, Method> & { close: () => void }

function clientOf(service: string, port: number): Client {
  const constructor: ServiceClientConstructor = makeClientConstructor(
    definition[service] as ServiceDefinition,
    service,
  )
  return new constructor(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as Client
}

function ask(client: Client, method: string, request: object, options: CallOptions = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client[method]?.(request, new Metadata(), options, (error: ServiceError | null, answer: unknown) => {
      if (error) reject(error)
      else resolve(answer)
    })
  })
}

async function serve(
  name: string,
  bytes: Buffer,
  env: Record<string, string> = {},
): Promise<{
  server: ServerProcess
  inference: Client
  health: Client
  close: () => Promise<void>
  port: number
}> {
  const path = join(folder, `${name}.onnx`)
  writeFileSync(path, bytes)
  const server = new ServerProcess({
    MODEL_NAME: name,
    MODEL_URI: path,
    GRPC_PORT: '0',
    MAX_BODY_BYTES: '10000',
    DRAIN_DELAY_MS: '0',
    ...env,
  })
  const { port } = await server.logged('Listening for gRPC')
  await server.logged('Model loaded and warmed up')
  const inference = clientOf('inference.GRPCInferenceService', port as number)
  const health = clientOf('grpc.health.v1.Health', port as number)
  const close = async (): Promise<void> => {
    inference.close()
    health.close()
    await server.kill()
  }
  return { server, inference, health, close, port: port as number }
}

const SIXTEEN = Array.from({ length: 16 }, (_, index) => index + 1)
const SUM = SIXTEEN.map((value) => 2 * value)
const head = (name: string): object => ({ name, datatype: 'INT32', shape: ['1', '16'] })
const sent = (name: string, values = SIXTEEN): object => ({
  ...head(name),
  contents: { int_contents: values },
})
const bytes = Buffer.from(Int32Array.from(SIXTEEN).buffer)

describe('the sum and the difference of sixteen numbers', () => {
  let served: Awaited<ReturnType<typeof serve>>
  beforeAll(async () => {
    served = await serve('addsub', addsub())
  })
  afterAll(() => served.close())

  test.each<[string, object, object]>([
    ['ServerLive', {}, { live: true }],
    ['ServerReady', {}, { ready: true }],
    ['ModelReady', { name: 'addsub', version: '1' }, { ready: true }],
    ['ModelReady', { name: 'addsub', version: '9' }, { ready: false }],
    ['ModelReady', { name: 'cars' }, { ready: false }],
    ['ServerMetadata', {}, { name: 'modelrelease-model-server', version: '0.1.0' }],
    [
      'ModelMetadata',
      { name: 'addsub' },
      {
        name: 'addsub',
        versions: ['1'],
        platform: 'onnx_onnxv1',
        inputs: [head('INPUT0'), head('INPUT1')],
        outputs: [head('OUTPUT0'), head('OUTPUT1')],
      },
    ],
  ])('%s', async (method, request, answer) => {
    expect(await ask(served.inference, method, request)).toEqual(answer)
  })

  test.each(['', 'inference.GRPCInferenceService', 'addsub'])('the health of %j', async (service) => {
    expect(await ask(served.health, 'Check', { service })).toEqual({ status: 'SERVING' })
  })

  test('come as numbers where numbers were sent', async () => {
    const request = {
      model_name: 'addsub',
      id: 'seven',
      inputs: [sent('INPUT0'), sent('INPUT1')],
      outputs: [{ name: 'OUTPUT0' }],
    }
    expect(await ask(served.inference, 'ModelInfer', request)).toEqual({
      model_name: 'addsub',
      model_version: '1',
      id: 'seven',
      outputs: [{ ...head('OUTPUT0'), contents: { int_contents: SUM } }],
    })
  })

  test('come as bytes where bytes were sent', async () => {
    const request = {
      model_name: 'addsub',
      inputs: [head('INPUT0'), head('INPUT1')],
      raw_input_contents: [bytes, bytes],
    }
    expect(await ask(served.inference, 'ModelInfer', request)).toEqual({
      model_name: 'addsub',
      model_version: '1',
      outputs: [head('OUTPUT0'), head('OUTPUT1')],
      raw_output_contents: [Buffer.from(Int32Array.from(SUM).buffer), Buffer.alloc(64)],
    })
  })

  const both = [sent('INPUT0'), sent('INPUT1')]
  test.each<[string, string, object, status, string]>([
    ['another model', 'ModelMetadata', { name: 'cars' }, status.NOT_FOUND, "got 'cars'"],
    ['another version', 'ModelMetadata', { name: 'addsub', version: '9' }, status.NOT_FOUND, "version '9'"],
    [
      'fifteen numbers',
      'ModelInfer',
      { model_name: 'addsub', inputs: [sent('INPUT0', SIXTEEN.slice(1)), sent('INPUT1')] },
      status.INVALID_ARGUMENT,
      "input 'INPUT0': shape [1, 16] takes 16 elements, got 15",
    ],
    [
      'one input',
      'ModelInfer',
      { model_name: 'addsub', inputs: [sent('INPUT0')] },
      status.INVALID_ARGUMENT,
      "input 'INPUT1': missing; this model takes 'INPUT0', 'INPUT1'",
    ],
    [
      'bytes and numbers',
      'ModelInfer',
      { model_name: 'addsub', inputs: both, raw_input_contents: [bytes, bytes] },
      status.INVALID_ARGUMENT,
      "input 'INPUT0': expected raw or other contents, got both",
    ],
    [
      'bytes for one of two inputs',
      'ModelInfer',
      { model_name: 'addsub', inputs: [head('INPUT0'), head('INPUT1')], raw_input_contents: [bytes] },
      status.INVALID_ARGUMENT,
      'raw_input_contents: expected one for each of 2 inputs, got 1',
    ],
    [
      'numbers of another type',
      'ModelInfer',
      {
        model_name: 'addsub',
        inputs: [{ ...head('INPUT0'), contents: { fp32_contents: SIXTEEN } }, sent('INPUT1')],
      },
      status.INVALID_ARGUMENT,
      "input 'INPUT0': expected int_contents, got fp32_contents",
    ],
    [
      'a negative dimension',
      'ModelInfer',
      { model_name: 'addsub', inputs: [{ ...sent('INPUT0'), shape: [-1, 16] }, sent('INPUT1')] },
      status.INVALID_ARGUMENT,
      "input 'INPUT0': expected shape to be an array of non-negative integers, got [-1, 16]",
    ],
    [
      'a microsecond of patience',
      'ModelInfer',
      { model_name: 'addsub', inputs: both, parameters: { timeout: { int64_param: 1 } } },
      status.DEADLINE_EXCEEDED,
      'the deadline of the request passed',
    ],
    [
      'more than the server takes',
      'ModelInfer',
      { model_name: 'addsub', inputs: both, id: 'x'.repeat(10_001) },
      status.RESOURCE_EXHAUSTED,
      'larger than max',
    ],
  ])('refuse %s', async (_, method, request, code, details) => {
    await expect(ask(served.inference, method, request)).rejects.toMatchObject({
      code,
      details: expect.stringContaining(details),
    })
  })

  test('are counted as what they are', async () => {
    const { address } = await served.server.logged('Listening for operations')
    const response = await fetch(`http://127.0.0.1:${(address as { port: number }).port}/metrics`)
    const text = await response.text()
    expect(text).toMatch(/model_server_requests_total\{[^}]*protocol="grpc"[^}]*code="200"[^}]*\} [1-9]/)
    expect(text).toMatch(/model_server_requests_total\{[^}]*protocol="grpc"[^}]*code="400"[^}]*\} [1-9]/)
  })

  test('have an id and a line in the log', async () => {
    const metadata = new Metadata()
    metadata.set('x-request-id', '7f3c')
    const request = { model_name: 'addsub', inputs: [sent('INPUT0'), sent('INPUT1')] }
    const given = await new Promise<Metadata>((resolve, reject) => {
      const call = served.inference.ModelInfer?.(request, metadata, {}, (error: ServiceError | null) => {
        if (error) reject(error)
      }) as unknown as EventEmitter
      call.on('metadata', resolve)
    })
    expect(given.get('x-request-id')).toEqual(['7f3c'])
    const line = await served.server.loggedWhere(({ requestId }) => requestId === '7f3c')
    expect(line).toMatchObject({ protocol: 'grpc', model: 'addsub', status: 200, rows: 1, msg: 'Request' })
  })

  test('leave: what is asked before the signal is answered, and the process ends', async () => {
    const leaving = await serve('addsub', addsub())
    expect(await ask(leaving.inference, 'ServerReady', {})).toEqual({ ready: true })
    leaving.server.child.kill('SIGTERM')
    // The client's connection stays open: that it is idle must not hold up the end.
    expect(await leaving.server.exited).toBe(0)
    await leaving.close()
  })
})

test('a full queue is told to the client and counted, and so is a deadline', async () => {
  const { server, inference, close } = await serve('slow', slowModel(2_000), {
    MAX_QUEUE: '1',
    REQUEST_TIMEOUT_MS: '200',
  })
  try {
    const data = { name: 'x', datatype: 'FP32', shape: ['1', '1'], contents: { fp32_contents: [1] } }
    const request = { model_name: 'slow', inputs: [data] }
    const codeOf = (): Promise<unknown> =>
      ask(inference, 'ModelInfer', request).then(
        () => status.OK,
        (error: unknown) => (error as ServiceError).code,
      )
    let codes: unknown[]
    // On a busy machine the second may come when the first has had its answer.
    do codes = await Promise.all([codeOf(), codeOf()])
    while (!codes.includes(status.UNAVAILABLE))
    expect(new Set(codes)).toEqual(new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]))
    const text = await (await fetch(`${await server.opsOrigin()}/metrics`)).text()
    for (const reason of ['queue_full', 'deadline']) {
      expect(text).toMatch(new RegExp(`model_server_rejected_total\\{[^}]*reason="${reason}"[^}]*\\} [1-9]`))
    }
  } finally {
    await close()
  }
})

test('every datatype comes back as it went, where its numbers have a field of their own', async () => {
  const sent: [Port['datatype'], string, unknown[]][] = [
    ['FP32', 'fp32_contents', [1.5, NaN, -Infinity]],
    ['FP64', 'fp64_contents', [1e-300, -0]],
    ['BOOL', 'bool_contents', [true, false]],
    ['UINT8', 'uint_contents', [0, 255]],
    ['INT16', 'int_contents', [-32_768, 7]],
    ['INT64', 'int64_contents', ['9223372036854775807', '-1']],
    ['UINT64', 'uint64_contents', ['18446744073709551615', '0']],
    ['BYTES', 'bytes_contents', [Buffer.from('é'), Buffer.from('')]],
  ]
  const ports = (prefix: string): Port[] =>
    sent.map(([datatype]) => ({ name: prefix + datatype, datatype, shape: ['N', 'M'] }))
  const nodes = sent.map(([name]) => ({ op: 'Identity', inputs: [`in-${name}`], outputs: [`out-${name}`] }))
  const bytes = writeModel({ inputs: ports('in-'), outputs: ports('out-'), nodes })
  const { inference, close } = await serve('all', bytes)
  const tensors = (prefix: string): object[] =>
    sent.map(([datatype, field, values]) => ({
      name: prefix + datatype,
      datatype,
      shape: ['1', String(values.length)],
      contents: { [field]: values },
    }))
  const answer = await ask(inference, 'ModelInfer', { model_name: 'all', inputs: tensors('in-') })
  await close()
  expect((answer as { outputs: object[] }).outputs).toEqual(tensors('out-'))
})

describe('large messages', () => {
  const COUNT = 100_000
  let served: Awaited<ReturnType<typeof serve>>
  beforeAll(async () => {
    const port: Port = { name: 'x', datatype: 'FP32', shape: ['N'] }
    const nodes = [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }]
    const bytesOfModel = writeModel({ inputs: [port], outputs: [{ ...port, name: 'y' }], nodes })
    served = await serve('negative', bytesOfModel, { MAX_BODY_BYTES: '1000000', MAX_BODIES_BYTES: '4000000' })
  })
  afterAll(() => served.close())

  const path = '/inference.GRPCInferenceService/ModelInfer'
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
  const numbers = Array.from({ length: COUNT }, (_, n) => n)
  const large = (input: object, more: object = {}): object => ({
    ...{ model_name: 'negative', id: 'one', ...more },
    inputs: [{ name: 'x', datatype: 'FP32', shape: [String(COUNT)], ...input }],
  })

  test('are answered as small ones are, in the form in which they came', async () => {
    const contents = { fp32_contents: numbers }
    const [fromNumbers, fromBytes] = (await Promise.all([
      ask(served.inference, 'ModelInfer', large({ contents })),
      ask(
        served.inference,
        'ModelInfer',
        large({}, { raw_input_contents: [Buffer.from(Float32Array.from(numbers).buffer)] }),
      ),
    ])) as {
      id: string
      outputs: { contents: { fp32_contents: number[] } }[]
      raw_output_contents: Buffer[]
    }[]
    const expected = Float32Array.from(numbers, (n) => -n)
    expect(fromNumbers?.id).toBe('one')
    expect(Float32Array.from(fromNumbers?.outputs[0]?.contents.fp32_contents ?? [])).toEqual(expected)
    expect(fromBytes?.raw_output_contents[0]?.equals(Buffer.from(expected.buffer))).toBe(true)
  })

  test('are refused as small ones are', async () => {
    const wrong = large({ shape: ['1'], contents: { fp32_contents: numbers } })
    await expect(ask(served.inference, 'ModelInfer', wrong)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: `input 'x': shape [1] takes 1 elements, got ${COUNT}`,
    })
    // An endless list of nothing costs a look at a thousand of them.
    const many = { model_name: 'negative', inputs: Array.from({ length: 200_000 }, () => ({})) }
    await expect(ask(served.inference, 'ModelInfer', many)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('fields'),
    })
  })

  test('that stall take no more than their share, and small ones still come through', async () => {
    const session = connect(`http://127.0.0.1:${served.port}`)
    session.on('error', () => undefined)
    const prefix = Buffer.from([0, 0, 0, 0, 0])
    prefix.writeUInt32BE(999_000, 1)
    const stalled = Array.from({ length: 6 }, () => {
      const stream = session.request(headers)
      const said = new Promise<IncomingHttpHeaders>((resolve) => stream.once('response', resolve))
      stream.on('error', () => undefined)
      stream.write(Buffer.concat([prefix, Buffer.alloc(900_000)]))
      return said
    })
    try {
      const refused = await Promise.race(stalled)
      expect(refused).toMatchObject({ 'grpc-status': String(status.UNAVAILABLE) })
      expect(refused['grpc-message']).toContain('MAX_BODIES_BYTES')
      const one = {
        model_name: 'negative',
        inputs: [{ name: 'x', datatype: 'FP32', shape: ['1'], contents: { fp32_contents: [7] } }],
      }
      expect(await ask(served.inference, 'ModelInfer', one)).toMatchObject({
        outputs: [{ contents: { fp32_contents: [-7] } }],
      })
    } finally {
      session.destroy()
    }
    // What they held is free again.
    const contents = { fp32_contents: numbers }
    let answered = false
    while (!answered) {
      answered = await ask(served.inference, 'ModelInfer', large({ contents })).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: status.UNAVAILABLE })
          return false
        },
      )
    }
  })

  test('compressed ones hold what they may become', async () => {
    const session = connect(`http://127.0.0.1:${served.port}`)
    session.on('error', () => undefined)
    const body = gzipSync(Buffer.alloc(900_000))
    const prefix = Buffer.from([1, 0, 0, 0, 0])
    prefix.writeUInt32BE(body.length, 1)
    try {
      // None is sent to its end, so that all are there at once, and only those for which there is no room are told so.
      const refused = await Promise.race(
        Array.from({ length: 12 }, () => {
          const stream = session.request({ ...headers, 'grpc-encoding': 'gzip' })
          stream.on('error', () => undefined)
          stream.write(Buffer.concat([prefix, body.subarray(0, -1)]))
          return new Promise<IncomingHttpHeaders>((resolve) => stream.once('response', resolve))
        }),
      )
      expect(refused['grpc-status']).toBe(String(status.UNAVAILABLE))
    } finally {
      session.destroy()
    }
  })
})
