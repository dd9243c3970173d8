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
