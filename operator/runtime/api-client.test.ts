import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { CoreV1Api, V1ConfigMap } from '@kubernetes/client-node'
import { apiClient } from './api-client.ts'
import { FakeApiServer } from './testing/fake-api-server.ts'

let server: FakeApiServer

beforeEach(async () => {
  server = await FakeApiServer.start()
})

afterEach(async () => {
  await server.stop()
})

test('client-node speaks over our transport: one connection, our credentials, its types and errors', async () => {
  const access = server.access()
  const core = apiClient(access, CoreV1Api)
  const body = Object.assign(new V1ConfigMap(), {
    metadata: { namespace: 'models', name: 'a' },
    data: { key: 'välue' },
  })
  const created = await core.createNamespacedConfigMap({ namespace: 'models', body })
  expect(created.metadata?.resourceVersion).toBe('101')
  const read = await core.readNamespacedConfigMap({ namespace: 'models', name: 'a' })
  expect(read.data).toEqual({ key: 'välue' })
  const missing = core.readNamespacedConfigMap({ namespace: 'models', name: 'b', pretty: 'a b' })
  await expect(missing).rejects.toMatchObject({ code: 404 })
  expect(server.connections).toBe(1)
  expect(server.received.map(({ method, url }) => `${method} ${url.pathname}${url.search}`)).toEqual([
    'POST /api/v1/namespaces/models/configmaps',
    'GET /api/v1/namespaces/models/configmaps/a',
    'GET /api/v1/namespaces/models/configmaps/b?pretty=a+b',
  ])
  expect(server.received[0]?.headers).toMatchObject({
    authorization: 'Bearer secret',
    'content-type': 'application/json',
  })
  access.close()
})
