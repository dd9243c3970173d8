import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import type { ModelRelease } from './api/release.ts'
import { releaseMetrics } from './metrics.ts'

function release(name: string): ModelRelease {
  return { metadata: { name, namespace: 'models' } } as ModelRelease
}

test('a release that is deleted leaves no series that would page for ever', async () => {
  const registry = new Registry()
  const metrics = releaseMetrics(registry)
  const conditions = [{ type: 'Stalled', status: 'True' }]
  for (const name of ['housing', 'other'])
    metrics.pass(release(name), { failed: [], status: { conditions: conditions as never } })
  expect(await registry.metrics()).toContain('modelrelease_stalled{namespace="models",name="housing"} 1')

  metrics.forget('models', 'housing')
  const left = await registry.metrics()
  expect(left).not.toContain('"housing"')
  expect(left).toContain('modelrelease_stalled{namespace="models",name="other"} 1')
})

test('what cannot be told pages nobody', async () => {
  const registry = new Registry()
  const metrics = releaseMetrics(registry)
  const told = (status: string): void => {
    const conditions = [{ type: 'Serving', status }]
    metrics.pass(release('housing'), { failed: [], status: { conditions: conditions as never } })
  }
  const serving = async (): Promise<string> =>
    /modelrelease_serving\{[^}]*\} (\S+)/.exec(await registry.metrics())?.[1] ?? ''
  for (const [status, value] of [
    ['True', '1'],
    ['Unknown', 'Nan'],
    ['False', '0'],
  ] as const) {
    told(status)
    expect(await serving()).toBe(value)
  }
})
