import { expect, test } from '@jest/globals'
import { FunctionRunner } from './function-runner.ts'
import type { ViewerRequestEvent } from './event.ts'

const EVENT: ViewerRequestEvent = {
  version: '1.0',
  context: { distributionDomainName: 'd', distributionId: 'E1', eventType: 'viewer-request', requestId: 'r' },
  viewer: { ip: '192.0.2.1' },
  request: { method: 'GET', uri: '/x', querystring: {}, headers: {}, cookies: {} },
}
const code = 'function handler(event) { return event.request }'

test('a thread that stands still, as on a busy machine, is waited for', async () => {
  const runner = new FunctionRunner(new URL('../test/slow-worker.ts', import.meta.url))
  try {
    runner.provideFunction({ arn: 'arn', number: 1, code, runtime: 'cloudfront-js-2.0' })
    expect(await runner.run('arn', EVENT)).toMatchObject({ type: 'Request', request: { uri: '/x' } })
  } finally {
    await runner.close()
  }
})

test('hundreds of versions of a function fit into the memory of its thread', async () => {
  const runner = new FunctionRunner()
  try {
    for (let number = 1; number <= 600; number += 1)
      runner.provideFunction({ arn: 'arn', number, code, runtime: 'cloudfront-js-2.0' })
    expect(await runner.run('arn', EVENT)).toMatchObject({ type: 'Request', request: { uri: '/x' } })
  } finally {
    await runner.close()
  }
})
