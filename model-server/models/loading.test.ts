/** What the real process says about itself while it has no model, and when it gets one. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pid } from 'node:process'
import { afterEach, describe, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { identity, lowering, writeModel } from '../test/onnx-writer.ts'
import { ServerProcess } from '../test/server-process.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const folder = scratchFolder('model-server')
const { path: housingPath, sha256: housingDigest } = housingModel('2')

let server: ServerProcess | undefined
let store: Server | undefined

afterEach(async () => {
  await server?.kill()
  store?.closeAllConnections()
  store?.close()
  server = undefined
  store = undefined
})

function start(env: Record<string, string>): ServerProcess {
  server = new ServerProcess({ MODEL_NAME: 'housing', ...env })
  return server
}

async function startStore(listener: RequestListener, port = 0): Promise<string> {
  store = createServer(listener).listen(port, '127.0.0.1')
  await once(store, 'listening')
  return `http://127.0.0.1:${(store.address() as AddressInfo).port}/housing.onnx`
}

/** Status and body of the three questions that a cluster asks. */
async function health(
  origin: string,
): Promise<Record<'live' | 'ready' | 'model' | 'predict', [number, unknown]>> {
  const ask = async (path: string, init?: RequestInit): Promise<[number, unknown]> => {
    const response = await fetch(`${origin}${path}`, init)
    return [response.status, await response.json()]
  }
  const sample = JSON.stringify(housing.samples[0]?.request)
  const json = { 'content-type': 'application/json' }
  return {
    live: await ask('/v2/health/live'),
    ready: await ask('/v2/health/ready'),
    model: await ask('/v2/models/housing/ready'),
    predict: await ask('/predict', { method: 'POST', headers: json, body: sample }),
  }
}

describe('bytes that will not do: alive, never ready, and it says why', () => {
  function file(name: string, bytes: Buffer): string {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return path
  }

  const wrong = createHash('sha256').update('something else').digest('hex')
  const corrupt = readFileSync(housingPath).subarray(0, 20_000)
  const otherWidth = writeModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['N', 5] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['N', 5] }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    metadata: { columns: housing.columns.join(',') },
  })

  test.each<[string, Record<string, string>, string]>([
    [
      'another digest',
      { MODEL_URI: housingPath, MODEL_SHA256: wrong },
      `the model's sha256 is ${housingDigest}, MODEL_SHA256 wants ${wrong}`,
    ],
    ['half a model', { MODEL_URI: file('half.onnx', corrupt) }, 'cannot be served: '],
    ['an empty file', { MODEL_URI: file('empty.onnx', Buffer.alloc(0)) }, 'cannot be served: '],
    ['a page of HTML', { MODEL_URI: file('page.onnx', Buffer.from('<html>')) }, 'cannot be served: '],
    [
      'BF16, which the binding has no type for',
      { MODEL_URI: file('bf16.onnx', identity('BF16')) },
      "input 'INPUT0' is tensor(bfloat16)",
    ],
    [
      'more than the limit',
      { MODEL_URI: housingPath, MODEL_MAX_BYTES: '1000' },
      'the model is larger than MODEL_MAX_BYTES (1000)',
    ],
    [
      'columns of its own that do not fit',
      { MODEL_URI: file('other.onnx', otherWidth) },
      '6 columns (CHAS,RM,',
    ],
    [
      'columns that do not fit',
      { MODEL_URI: housingPath, MODEL_COLUMNS: 'CHAS,RM' },
      '2 columns (CHAS,RM) need',
    ],
  ])('%s', async (_, env, reason) => {
    const process = start(env)
    const origin = await process.origin()
    const logged = await process.logged('Model refused; not ready until restarted')
    expect(logged.reason).toContain(reason)

    const because = expect.objectContaining({ error: expect.stringContaining(reason) })
    expect(await health(origin)).toEqual({
      live: [200, { live: true }],
      ready: [503, expect.objectContaining({ error: expect.stringContaining(reason), final: true })],
      model: [503, because],
      predict: [503, because],
    })
    const metrics = await (await fetch(`${await process.opsOrigin()}/metrics`)).text()
    expect(metrics).toMatch(/model_server_ready\{.*\} 0\n/)
  })
})

describe('bytes that cannot be had yet: alive, not ready, and it tries again', () => {
  async function expectNotYet(process: ServerProcess, reason: string): Promise<void> {
    await process.logged('Model not fetched; trying again')
    const because = expect.objectContaining({ error: expect.stringContaining(reason) })
    const { live, ready, predict } = await health(await process.origin())
    expect({ live, ready, predict }).toEqual({
      live: [200, { live: true }],
      ready: [503, because],
      predict: [503, because],
    })
  }

  async function expectReady(process: ServerProcess): Promise<void> {
    await process.logged('Model loaded and warmed up')
    const { ready, predict } = await health(await process.origin())
    expect(ready).toEqual([200, { ready: true }])
    expect(predict).toEqual([200, { prediction: [expect.closeTo(26.928011, 4)] }])
  }

  test('a store that nobody can reach, and then can', async () => {
    // Below the ports that the system gives away, so that no neighbor gets it while nobody listens.
    const port = 20_000 + (pid % 10_000)
    const process = start({
      MODEL_URI: `http://127.0.0.1:${port}/housing.onnx`,
      MODEL_SHA256: housingDigest,
    })
    await expectNotYet(process, 'ECONNREFUSED')

    await startStore((_, response) => response.end(readFileSync(housingPath)), port)
    await expectReady(process)
  })

  test('a store that answers 503, then breaks off, then delivers', async () => {
    const bytes = readFileSync(housingPath)
    const looked = Promise.withResolvers<undefined>()
    const answers: RequestListener[] = [
      (_, response) => response.writeHead(503).end('later'),
      // It says why it has no model until the next attempt has ended, so that one waits until somebody has looked.
      (_, response) =>
        void looked.promise.then(() => {
          response.writeHead(200, { 'content-length': bytes.length })
          response.write(bytes.subarray(0, 1_000), () => response.destroy())
        }),
    ]
    let asked = 0
    const uri = await startStore((request, response) => {
      const answer = answers[asked] ?? ((_, last) => last.end(bytes))
      asked += 1
      answer(request, response)
    })
    const process = start({ MODEL_URI: `${uri}?signature=secret` })
    await expectNotYet(process, 'the server answered 503 Service Unavailable')
    looked.resolve(undefined)
    await expectReady(process)
    expect(asked).toBe(3)
    expect(JSON.stringify(process.log)).not.toContain('secret')
  })

  test.each([
    ['404', 404, true],
    ['403, which a right that is spreading ends', 403, false],
    ['503, which asks to come again', 503, false],
    ['429, which asks to come again', 429, false],
  ])('a store that answers %s again and again says whether waiting can help', async (_, status, isFinal) => {
    const looked = Promise.withResolvers<undefined>()
    let asked = 0
    const uri = await startStore((_request, response) => {
      asked += 1
      const answered = asked < 4 ? Promise.resolve(undefined) : looked.promise
      void answered.then(() => response.writeHead(status).end())
    })
    const process = start({ MODEL_URI: uri })
    const origin = await process.origin()
    const failed = (attempt: number): Promise<unknown> =>
      process.loggedWhere(
        (line) => line.msg === 'Model not fetched; trying again' && line.attempt === attempt,
      )
    const error = expect.stringContaining(`answered ${status}`)

    await failed(3)
    expect((await health(origin)).ready).toEqual([503, { ready: false, error, code: 'not_ready' }])
    looked.resolve(undefined)
    await failed(4)
    expect((await health(origin)).ready).toEqual([
      503,
      { ready: false, error, code: 'not_ready', ...(isFinal ? { final: true } : {}) },
    ])
  })

  test('a file that is written later', async () => {
    const path = join(folder, 'later.onnx')
    const process = start({ MODEL_URI: path })
    await expectNotYet(process, 'ENOENT')
    writeFileSync(path, readFileSync(housingPath))
    await expectReady(process)
  })

  test('and it leaves at once when it is told to, with nothing to drain', async () => {
    const process = start({ MODEL_URI: join(folder, 'never.onnx') })
    await process.logged('Model not fetched; trying again')
    process.child.kill('SIGTERM')
    expect(await process.logged('Draining')).toMatchObject({ delayMs: 0 })
    expect(await process.exited).toBe(0)
  })
})

test('a model of text is served where the machine lacks the locale that the runtime asks for, and texts are whole', async () => {
  const path = join(folder, 'lowering.onnx')
  writeFileSync(path, lowering())
  const temporary = scratchFolder('model-server-tmp')
  const process = start({ MODEL_URI: path, TMPDIR: temporary })
  await process.logged('Model loaded and warmed up')
  const infer = async (data: string[]): Promise<[number, unknown]> => {
    const body = JSON.stringify({ inputs: [{ name: 'text', datatype: 'BYTES', shape: [data.length], data }] })
    const headers = { 'content-type': 'application/json' }
    const url = `${await process.origin()}/v2/models/housing/infer`
    const response = await fetch(url, { method: 'POST', headers, body })
    return [response.status, await response.json()]
  }
  const texts = ['BLUE', 'GRÜN Ω', '𝒳🟢', '\ufeffA\uffff', 'a\u2028\t\u0001B']
  expect(await infer(texts)).toEqual([
    200,
    expect.objectContaining({
      outputs: [
        expect.objectContaining({ data: ['blue', 'grün ω', '𝒳🟢', '\ufeffa\uffff', 'a\u2028\t\u0001b'] }),
      ],
    }),
  ])
  expect(await infer(['whole', 'cut\0short'])).toEqual([
    400,
    {
      code: 'invalid_request',
      error: expect.stringMatching(
        /^input 'text': expected .* U\+0000.* at element 1, got "cut\\u0000short"$/,
      ),
    },
  ])
  process.child.kill('SIGTERM')
  await process.exited
  expect(readdirSync(temporary)).toEqual([])
})

test('it loads a model without leaving a trace at home: the runtime reports to nobody', async () => {
  // The runtime creates its identifier of the machine here before it reports; see no-telemetry.ts.
  const home = scratchFolder('model-server-home')
  const process = start({ MODEL_URI: housingPath, HOME: home })
  await process.logged('Model loaded and warmed up')
  process.child.kill('SIGINT')
  expect(await process.exited).toBe(0)
  expect(readdirSync(home)).toEqual([])
})

describe('a process that cannot start', () => {
  test('because of its environment ends with code 2 and all the reasons', async () => {
    const process = start({ MODEL_URI: 'gs://models/housing.onnx', MODEL_SHA256: 'abc' })
    expect(await process.exited).toBe(2)
    expect(process.stderr).toMatch(
      /^invalid configuration:\n- MODEL_URI: the scheme 'gs:'.*\n- MODEL_SHA256: /,
    )
  })

  test('because of its port ends with code 1 and says so', async () => {
    await startStore(() => undefined)
    const { port } = store?.address() as AddressInfo
    const process = start({ MODEL_URI: housingPath, PORT: String(port) })
    expect(await process.logged(`Cannot listen on PORT ${port}`)).toMatchObject({
      err: { code: 'EADDRINUSE' },
    })
    expect(await process.exited).toBe(1)
  })
})
