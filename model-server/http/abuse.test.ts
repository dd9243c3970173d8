/**
 * One client can never stop the others: while the worst that is allowed is sent again and again, a probe and a well-behaved
 * client are answered. How fast, `npm run bench:abuse` shows.
 */
import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { brotliCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { ABUSIVE_BODIES } from '../test/abusive-bodies.ts'
import type { AbusiveBody } from '../test/abusive-bodies.ts'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'

const SMALL: AbusiveBody = {
  path: '/predict',
  type: 'application/json',
  body: Buffer.from(JSON.stringify(housing.samples[0]?.request)),
}

let server: ServerProcess
let origin: string
let ops: string
const agent = new Agent({ keepAlive: true })

beforeAll(async () => {
  server = new ServerProcess({ MODEL_NAME: 'housing', MODEL_URI: housingModel('2').path })
  origin = await server.origin()
  ops = await server.opsOrigin()
  await server.logged('Model loaded and warmed up')
})
afterAll(async () => {
  agent.destroy()
  await server.kill()
})

function post({ path, type, body, encoding }: AbusiveBody): Promise<number> {
  const headers = {
    ...{ 'content-type': type, 'content-length': body.length },
    ...(encoding === undefined ? {} : { 'content-encoding': encoding }),
  }
  return new Promise((resolve, reject) => {
    const asked = request(
      `${origin}${path}`,
      { method: 'POST', agent, headers },
      (response: IncomingMessage) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0))
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}

test.each(Object.entries(ABUSIVE_BODIES))(
  '%s',
  async (_, make) => {
    const body = make()
    const over = new AbortController()
    // As many as there are threads, and one more.
    const abusive = Promise.all([post(body), post(body), post(body)]).finally(() => over.abort())
    const meanwhile: number[] = []
    do {
      const [neighbor, probe] = await Promise.all([post(SMALL), fetch(`${ops}/v2/health/ready`)])
      meanwhile.push(neighbor, probe.status)
      await probe.text()
    } while (!over.signal.aborted)
    const statuses = await abusive
    expect(meanwhile).toEqual(meanwhile.map(() => 200))
    for (const status of statuses) expect([200, 400, 413, 503]).toContain(status)
    expect(server.log.filter(({ msg }) => msg === 'Request failed')).toEqual([])
  },
  120_000,
)

test('what takes a second to be read lets many others through in the meantime', async () => {
  const make = ABUSIVE_BODIES['half a million columns, records']
  if (!make) throw new Error('it is gone')
  const body = make()
  const over = new AbortController()
  const abusive = Promise.all(Array.from({ length: 6 }, () => post(body))).finally(() => over.abort())
  let answered = 0
  while (!over.signal.aborted) answered += Number((await post(SMALL)) === 200)
  await abusive
  // On the event loop there would be one or two between two bodies.
  expect(answered).toBeGreaterThan(20)
}, 120_000)

test('what inflates out of all proportion is refused, however little of the limit it takes', async () => {
  const padded = (letter: string): Buffer => brotliCompressSync(Buffer.from(letter.repeat(2 ** 21)))
  const bomb = { ...SMALL, body: padded(' '), encoding: 'br' }
  expect(await post(bomb)).toBe(413)
  // Noise is what it is.
  const noise = Buffer.from(JSON.stringify({ padding: randomBytes(2 ** 20).toString('base64') }))
  expect(await post({ ...bomb, body: brotliCompressSync(noise) })).toBe(400)
})
