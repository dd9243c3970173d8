/** The operations port of the real process while its event loop is busy. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { slowModel } from '../test/onnx-writer.ts'
import { scratchFolder } from '../test/scratch-folder.ts'
import { ServerProcess } from '../test/server-process.ts'

const folder = scratchFolder('ops-server')
const path = join(folder, 'slow.onnx')
// Seconds for one row.
writeFileSync(path, slowModel(4_000))
const SLOW = { MODEL_NAME: 'slow', MODEL_URI: path, SERVING_MODE: 'inline', MAX_BATCH_SIZE: '1' }

test('probes are answered while the event loop is busy, again and again', async () => {
  const server = new ServerProcess(SLOW)
  try {
    const [origin, ops] = [await server.origin(), await server.opsOrigin()]
    await server.logged('Model loaded and warmed up')
    const over = new AbortController()
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }]
    const asked = fetch(`${origin}/v2/models/slow/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs }),
    }).finally(() => over.abort())
    let rounds = 0
    while (!over.signal.aborted) {
      const answers = await Promise.all([
        fetch(`${ops}/v2/health/live`).then((answer) => answer.json()),
        fetch(`${ops}/v2/health/ready`).then((answer) => answer.json()),
      ])
      expect(answers).toEqual([{ live: true }, { ready: true }])
      rounds += 1
    }
    expect((await asked).status).toBe(200)
    // On the event loop itself there would be one before the run and one after it.
    expect(rounds).toBeGreaterThan(4)
  } finally {
    await server.kill()
  }
}, 120_000)

test('all else of that port is answered by the process, with its status, headers and body', async () => {
  const server = new ServerProcess({ MODEL_NAME: 'm', MODEL_URI: join(folder, 'missing.onnx') })
  try {
    const ops = await server.opsOrigin()
    const metrics = await fetch(`${ops}/metrics`)
    expect(metrics.headers.get('content-type')).toMatch('text/plain')
    expect(await metrics.text()).toContain('model_server_ready')
    const [unknown, wrong, head] = await Promise.all([
      fetch(`${ops}/nothing`),
      fetch(`${ops}/v2/health/live`, { method: 'POST', body: 'x' }),
      fetch(`${ops}/v2/health/ready?x=1`, { method: 'HEAD' }),
    ])
    expect([unknown.status, wrong.status, head.status]).toEqual([404, 405, 503])
    expect(wrong.headers.get('allow')).toBe('GET, HEAD')
    expect(await (await fetch(`${ops}/v2/health/ready`)).json()).toMatchObject({
      ready: false,
      error: expect.stringContaining('missing.onnx'),
    })
  } finally {
    await server.kill()
  }
})

test('a port that is taken ends the process, and says which', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, resolve))
  try {
    const { port } = other.address() as AddressInfo
    const server = new ServerProcess({ ...SLOW, OPS_PORT: String(port) })
    expect(await server.exited).toBe(1)
    expect(server.log.at(-1)).toMatchObject({ msg: `Cannot listen on OPS_PORT ${port}` })
  } finally {
    other.close()
  }
})
