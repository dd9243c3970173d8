import { expect, test } from '@jest/globals'
import { SeedError } from './seed.ts'
import { startCloudFrontLocal } from './start.ts'

const log = (): void => undefined

test('listens on every address, on the same ports', async () => {
  const hosts = ['127.0.0.1', '127.0.0.2']
  const running = await startCloudFrontLocal({ hosts, edges: 2, log })
  try {
    const { api, edges } = running.ports
    for (const host of hosts) {
      expect((await fetch(`http://${host}:${api}/_admin/edges`)).status).toBe(200)
      for (const port of edges) expect((await fetch(`http://${host}:${port}/`)).status).toBe(502)
    }
    expect(running.apiUrl).toBe(`http://127.0.0.1:${api}`)
  } finally {
    await running.close(0)
  }
})

test('viewers behind one port get the edges in turn, or the one they ask for', async () => {
  const running = await startCloudFrontLocal({ edges: 3, viewerPort: 0, log })
  try {
    const pop = async (headers: Record<string, string> = {}) =>
      (await fetch(running.viewerUrl ?? '', { headers })).headers.get('x-amz-cf-pop')
    const first = [await pop(), await pop(), await pop()]
    expect(new Set(first)).toEqual(new Set(['LOCAL50-P1', 'LOCAL50-P2', 'LOCAL50-P3']))
    expect([await pop({ 'x-edge': '2' }), await pop({ 'x-edge': '2' })]).toEqual(['LOCAL50-P2', 'LOCAL50-P2'])
  } finally {
    await running.close(0)
  }
})

test('may be closed twice', async () => {
  const running = await startCloudFrontLocal({ log })
  await running.close(0)
  await expect(running.close(0)).resolves.toBeUndefined()
})

test('an unusable seed starts nothing', async () => {
  await expect(startCloudFrontLocal({ seed: '{}', log })).rejects.toThrow(SeedError)
})

test('an unusable resolve entry starts nothing', async () => {
  const started = startCloudFrontLocal({ resolve: ['blue.example=elsewhere'], log })
  await expect(started).rejects.toThrow(/HOST=ADDRESS\[:PORT\]/)
})
