/** Leaving under load, with the real process. */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { constants } from 'node:os'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'
import { FINISH_MS } from './drain.ts'

const BODY = JSON.stringify(housing.samples[0]?.request)
const HEADERS = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(BODY) }

let server: ServerProcess
let origin: string

async function start(drainDelayMs: number): Promise<void> {
  server = new ServerProcess({
    MODEL_NAME: 'housing',
    MODEL_URI: housingModel('2').path,
    DRAIN_DELAY_MS: String(drainDelayMs),
  })
  origin = await server.origin()
  await server.logged('Model loaded and warmed up')
}

let agent: Agent
beforeEach(() => {
  agent = new Agent({ keepAlive: true })
})
afterEach(async () => {
  agent.destroy()
  await server.kill()
})

type Answer = { status: number | undefined; connection: string | undefined; text: string }

/** A request whose body is sent in two halves, so that it is in flight for as long as the test wants. */
async function begin(): Promise<{ finish: () => Promise<Answer> }> {
  const asked = request(`${origin}/predict`, {
    method: 'POST',
    agent,
    headers: { ...HEADERS, expect: '100-continue' },
  })
  const answered = once(asked, 'response')
  // The server has read the headers once it asks for the body.
  asked.flushHeaders()
  await once(asked, 'continue')
  asked.write(BODY.slice(0, 10))
  return {
    finish: async () => {
      asked.end(BODY.slice(10))
      const [response] = (await answered) as [IncomingMessage]
      let text = ''
      for await (const chunk of response) text += String(chunk)
      return { status: response.statusCode, connection: response.headers.connection, text }
    },
  }
}

async function predict(): Promise<Answer> {
  const asked = request(`${origin}/predict`, { method: 'POST', agent, headers: HEADERS })
  asked.end(BODY)
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, connection: response.headers.connection, text }
}

const RIGHT_ANSWER = { status: 200, text: expect.stringContaining('26.928') }

test('32 requests in flight at SIGTERM are all answered, also after the listener closed', async () => {
  await start(0)
  const begun = await Promise.all(Array.from({ length: 32 }, begin))
  server.child.kill('SIGTERM')
  expect(await server.logged('Draining')).toMatchObject({ inFlight: 32 })
  await refusesConnections()

  const answers = await Promise.all(begun.map(({ finish }) => finish()))
  expect(answers).toEqual(Array.from({ length: 32 }, () => ({ ...RIGHT_ANSWER, connection: 'close' })))
  expect(await server.exited).toBe(0)
})

test('between the signal and the end of the delay it is not ready, alive, and answers everyone', async () => {
  await start(600_000)
  server.child.kill('SIGTERM')
  await server.logged('Draining')
  const get = async (path: string): Promise<[number, string | null]> => {
    const response = await fetch(`${origin}${path}`)
    await response.text()
    return [response.status, response.headers.get('connection')]
  }
  expect(await get('/v2/health/ready')).toEqual([503, 'close'])
  expect(await get('/v2/models/housing/ready')).toEqual([503, 'close'])
  expect(await get('/v2/health/live')).toEqual([200, 'close'])
  expect(await predict()).toEqual({ ...RIGHT_ANSWER, connection: 'close' })
})

test('a load balancer that takes its time loses no request', async () => {
  // Longer than this process may stand still before the prober looks.
  await start(5_000)
  let leave = false
  const seen: Answer[] = []
  let enough: () => void = () => undefined
  const busy = new Promise<void>((resolve) => (enough = resolve))
  const viewers = Array.from({ length: 32 }, async () => {
    while (!leave) {
      seen.push(await predict())
      if (seen.length === 500) enough()
    }
  })
  await Promise.race([busy, Promise.all(viewers)])
  server.child.kill('SIGTERM')
  // A prober that asks every now and then, like the kubelet, and then tells everybody.
  while ((await fetch(`${origin}/v2/health/ready`).then((response) => response.status)) === 200);
  leave = true
  await Promise.all(viewers)
  expect(seen.filter(({ status }) => status !== 200)).toEqual([])
  expect(await server.exited).toBe(0)
})

test('clients that hold a connection and say nothing do not hold the process', async () => {
  await start(0)
  const { port } = new URL(origin)
  const silent: Socket = connect(Number(port), '127.0.0.1')
  await once(silent, 'connect')
  // An idle connection after an answer, in the agent's pool.
  expect((await predict()).status).toBe(200)
  server.child.kill('SIGTERM')
  expect(await server.exited).toBe(0)
  silent.destroy()
  const [began, ended] = [await server.logged('Draining'), await server.logged('Drained')]
  expect(Number(ended.time) - Number(began.time)).toBeLessThan(FINISH_MS)
})

test.each(['SIGTERM', 'SIGINT'] as const)('a second %s ends the drain at once', async (signal) => {
  await start(60_000)
  server.child.kill('SIGTERM')
  await server.logged('Draining')
  // The same signal twice in a moment is one, so it is sent until it is heard.
  const again = setInterval(() => server.child.kill(signal), 50)
  expect(await server.exited).toBe(128 + constants.signals[signal])
  clearInterval(again)
  await server.logged('Leaving at once: told so again')
})

test('two signals of a moment are one, and still let requests end', async () => {
  await start(0)
  const { finish } = await begin()
  // Two of a kind could become one on their way. They reach a process that stands still, and so in one moment.
  for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) server.child.kill(signal)
  await server.logged('Draining')
  expect(await finish()).toMatchObject({ status: 200 })
  expect(await server.exited).toBe(0)
})

/** Resolves once nobody can connect any more. */
async function refusesConnections(): Promise<void> {
  const { port } = new URL(origin)
  for (;;) {
    const socket = connect(Number(port), '127.0.0.1')
    const refused = await new Promise((resolve) => {
      socket.once('connect', () => resolve(false))
      socket.once('error', () => resolve(true))
    })
    socket.destroy()
    if (refused) return
  }
}
