/** `POST /run` of the real process, with handlers made for the purpose. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'

/** Prices houses: {"rows": [[…six numbers]]} to {"prices": […]}. */
const PRICES = `
export default {
  accepts: 'application/json',
  preprocess: ({ rows }, { refuse }) => {
    if (!Array.isArray(rows)) refuse(422, 'rows: expected a list')
    if (rows.length === 0) process.exit(1)
    return { x: { datatype: 'FP32', shape: [rows.length, 6], data: Float32Array.from(rows.flat()) } }
  },
  postprocess: ({ prediction }) => ({ prices: [...prediction.data] }),
  async selftest(context) {
    const inputs = this.preprocess({ rows: [[0, 6.575, 296, 15.3, 396.9, 4.98]] }, context)
    const { prices: [price] } = this.postprocess(await context.run(inputs), context)
    if (!(Math.abs(price - context.settings.expected) < 0.01)) throw new Error('it priced a house at ' + price)
  },
}`

/** Takes a shell script as its file, and answers what it printed. */
const SHELL = `
export default {
  accepts: 'multipart/form-data',
  async preprocess({ file, folder }, { exec, state }) {
    const { stdout } = await exec('sh', [file.path], { cwd: folder })
    state.said = Buffer.from(stdout).toString()
    return { x: { datatype: 'FP32', shape: [1, 6], data: new Float32Array(6) } }
  },
  postprocess: (_, { state }) => ({ said: state.said }),
}`

let folder: string
let server: ServerProcess | undefined
/** Ends what a failed test still waits for. */
let over: AbortController

beforeEach(() => {
  over = new AbortController()
  folder = mkdtempSync(join(tmpdir(), 'run-route-'))
  mkdirSync(join(folder, 'tmp'))
})

afterEach(async () => {
  over.abort()
  await server?.kill()
  rmSync(folder, { recursive: true })
})

function start(handler: string, env: Record<string, string> = {}): ServerProcess {
  const path = join(folder, 'handler.js')
  writeFileSync(path, handler)
  server = new ServerProcess({
    MODEL_NAME: 'housing',
    MODEL_URI: housingModel('2').path,
    HANDLER: path,
    HANDLER_THREADS: '1',
    HANDLER_SETTINGS: '{"expected": 26.928}',
    DRAIN_DELAY_MS: '0',
    TMPDIR: join(folder, 'tmp'),
    PATH: '/usr/bin:/bin',
    ...env,
  })
  return server
}

async function origin(handler: string, env: Record<string, string> = {}): Promise<string> {
  const process = start(handler, env)
  await Promise.all([process.logged('Handler loaded'), process.logged('Model loaded and warmed up')])
  return process.origin()
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(`${url}/run`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

function upload(url: string, script: string, signal?: AbortSignal): Promise<Response> {
  const body = new FormData()
  body.append('file', new Blob([script]), 'a.sh')
  return fetch(`${url}/run`, { method: 'POST', body, ...(signal ? { signal } : {}) })
}

/** Uploads that lie on disk now. */
function uploads(): string[] {
  return readdirSync(join(folder, 'tmp')).flatMap((owner) => readdirSync(join(folder, 'tmp', owner)))
}

async function until(condition: () => boolean): Promise<void> {
  const { signal } = over
  while (!condition()) await wait(10, undefined, { signal })
}

const ROW = [0, 6.575, 296, 15.3, 396.9, 4.98]

describe('a handler of JSON', () => {
  test('answers as the model and says which bytes did', async () => {
    const url = await origin(PRICES)
    const response = await post(url, { rows: [ROW] })
    expect(response.status).toBe(200)
    expect(((await response.json()) as { prices: number[] }).prices[0]).toBeCloseTo(
      housing.samples[0]?.predictions['2'] ?? 0,
      4,
    )
    const digest = createHash('sha256').update(PRICES).digest('hex')
    expect(response.headers.get('x-handler-digest')).toBe(`sha256:${digest}`)
    expect(response.headers.get('x-model-digest')).toBe(`sha256:${housingModel('2').sha256}`)
    expect((await fetch(`${url}/v2/health/ready`)).status).toBe(200)
  })

  test('is proven with the version that it will work with', async () => {
    const models = ['1', '2'].map((version) => ({
      name: 'housing',
      version,
      uri: housingModel(version).path,
    }))
    const path = join(folder, 'models.json')
    writeFileSync(path, JSON.stringify({ models }))
    const process = start(PRICES, { MODELS_FILE: path, MODEL_NAME: '', MODEL_URI: '' })
    await process.logged('Handler loaded')
    const response = await post(await process.origin(), { rows: [ROW] })
    expect([response.status, response.headers.get('x-model-version')]).toEqual([200, '2'])
  })

  test('refuses in its own words, and fails in none', async () => {
    const url = await origin(PRICES)
    const refused = await post(url, { rows: 5 })
    expect([refused.status, await refused.json()]).toEqual([
      422,
      { error: 'rows: expected a list', code: 'rejected' },
    ])
    const failed = await post(url, { rows: [[1]] })
    expect([failed.status, await failed.text()]).toEqual([500, expect.not.stringContaining('input')])
    expect((await fetch(`${url}/run`)).headers.get('allow')).toBe('POST')
    expect((await upload(url, 'true')).status).toBe(415)
  })

  test('goes on as it was gated, whatever becomes of its file', async () => {
    const url = await origin(PRICES, { HANDLER_SHA256: createHash('sha256').update(PRICES).digest('hex') })
    writeFileSync(join(folder, 'handler.js'), 'export default { changed: true }')
    expect((await post(url, { rows: [] })).status).toBe(500)
    expect((await post(url, { rows: [ROW] })).status).toBe(200)
  })
})

describe('no handler that is not proven: not ready, and the reason', () => {
  test.each<[string, string, Record<string, string>, RegExp]>([
    [
      'other bytes than wanted',
      PRICES,
      { HANDLER_SHA256: '0'.repeat(64) },
      /its sha256 is \w{64}, HANDLER_SHA256 wants 0{64}/,
    ],
    ['a self-test that fails', PRICES, { HANDLER_SETTINGS: '{"expected": 5}' }, /it priced a house at 26\.9/],
    ['a module that is none', 'export default 5', {}, /expected a default export/],
    ['no file', PRICES, { HANDLER: '/nowhere/handler.js' }, /ENOENT.*\/nowhere\/handler\.js/],
    ['no place for uploads', SHELL, { TMPDIR: '/nowhere' }, /ENOENT.*\/nowhere/],
  ])('%s', async (_, handler, env, reason) => {
    const process = start(handler, env)
    const url = await process.origin()
    await process.logged('Handler refused; not ready until restarted')
    await process.logged('Model loaded and warmed up')
    const ready = await fetch(`${url}/v2/health/ready`)
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, error: expect.stringMatching(reason), code: 'not_ready' },
    ])
    expect((await post(url, { rows: [ROW] })).status).toBe(503)
    // What needs no handler is there.
    expect((await fetch(`${url}/v2/models/housing/ready`)).status).toBe(200)
  })
})

describe('a handler of files', () => {
  test('answers, and nothing stays behind', async () => {
    const url = await origin(SHELL)
    const response = await upload(url, 'echo hello; echo > more')
    expect([response.status, await response.json()]).toEqual([200, { said: 'hello\n' }])
    await until(() => uploads().length === 0)
    server?.child.kill('SIGTERM')
    expect(await server?.exited).toBe(0)
    expect(readdirSync(join(folder, 'tmp'))).toEqual([])
  })

  test('a client that leaves ends the program and takes its file along', async () => {
    const url = await origin(SHELL)
    const pidFile = join(folder, 'pid')
    const left = new AbortController()
    const asked = upload(
      url,
      `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000`,
      left.signal,
    )
    await until(() => existsSync(pidFile))
    left.abort()
    await expect(asked).rejects.toThrow()
    await until(() => !existsSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}`) && uploads().length === 0)
    expect((await upload(url, 'echo next')).status).toBe(200)
  })

  test('a deadline gives 504 and ends the program', async () => {
    const url = await origin(SHELL, { REQUEST_TIMEOUT_MS: '500' })
    const response = await upload(url, 'exec sleep 1000')
    expect(response.status).toBe(504)
    await until(() => uploads().length === 0)
  })

  test('beyond threads and queue there is 503 before anything is read', async () => {
    const url = await origin(SHELL, { HANDLER_MAX_QUEUE: '0' })
    const go = join(folder, 'go')
    const started = join(folder, 'started')
    const first = upload(url, `touch ${started}; until [ -e ${go} ]; do sleep 0.02; done`)
    await until(() => existsSync(started))
    const second = await upload(url, 'true')
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1'])
    const metrics = await (await fetch(`${await server?.opsOrigin()}/metrics`)).text()
    expect(metrics).toMatch(/model_server_rejected_total\{[^}]*reason="queue_full"[^}]*\} 1/)
    expect(uploads()).toHaveLength(1)
    writeFileSync(go, '')
    expect((await first).status).toBe(200)
  })

  describe('an upload that trickles', () => {
    const form = (script: string): string =>
      `--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${script}\r\n--b--\r\n`

    /** An upload without its end; `finish` sends that, and gives the status. */
    async function begin(
      url: string,
      script: string,
    ): Promise<{ finish: () => Promise<number | undefined> }> {
      const body = form(script)
      const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': body.length }
      const asked = request(`${url}/run`, { method: 'POST', headers })
      const answered = once(asked, 'response') as Promise<[IncomingMessage]>
      const before = uploads().length
      asked.write(body.slice(0, -10))
      await until(() => uploads().length > before)
      return {
        finish: async () => {
          asked.end(body.slice(-10))
          const [response] = await answered
          response.resume()
          return response.statusCode
        },
      }
    }

    /** Asks until it is answered so; a place is given away when the one who has it was waited for. */
    async function answeredAtLast(ask: () => Promise<Response>, expected: RegExp): Promise<void> {
      for (let answer = ''; !expected.test(answer);) {
        over.signal.throwIfAborted()
        const response = await ask()
        answer = `${response.status} ${await response.text()}`
      }
    }

    test('keeps nobody from model and handler, and is answered when it is there', async () => {
      const url = await origin(SHELL, { MAX_QUEUE: '1', HANDLER_MAX_QUEUE: '0' })
      const { finish } = await begin(url, 'echo hi')
      const json = { 'content-type': 'application/json' }
      const body = JSON.stringify(housing.samples[0]?.request)
      await answeredAtLast(() => fetch(`${url}/predict`, { method: 'POST', headers: json, body }), /^200/)
      await answeredAtLast(() => upload(url, 'echo next'), /^200/)
      expect(await finish()).toBe(200)
    })

    test('takes no more of the disk than those in the queue may', async () => {
      const env = { HANDLER_MAX_QUEUE: '0', HANDLER_THREADS: '1', MAX_UPLOAD_BYTES: '100' }
      const url = await origin(SHELL, env)
      const long = `: ${'x'.repeat(60)}`
      const { finish } = await begin(url, long)
      await answeredAtLast(() => upload(url, long), /^503 .*there is no room for the file now/)
      await answeredAtLast(() => upload(url, 'echo hi'), /^200/)
      expect(await finish()).toBe(200)
      await answeredAtLast(() => upload(url, long), /^200/)
    })
  })

  test('what a predecessor of the same name left behind is gone at the start', async () => {
    const left = join(folder, 'tmp', `model-server-${2 ** 30}`)
    mkdirSync(left)
    writeFileSync(join(left, 'upload'), 'x')
    await origin(SHELL)
    expect(existsSync(left)).toBe(false)
  })
})

test('without a handler there is no such route', async () => {
  const process = start(PRICES, { HANDLER: '' })
  expect((await post(await process.origin(), {})).status).toBe(404)
})
