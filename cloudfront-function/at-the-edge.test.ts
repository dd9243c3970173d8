/** The function run for real, by the edges of the emulator. */
import { expect, test } from '@jest/globals'
import { ask, HOST, origin, says, start, type Running } from '../cloudfront-local/test/running.ts'
import type { UnknownOrigin } from '../cloudfront-local/edge/edge.ts'
import { functionSource } from './source.ts'

const ORIGINS = ['housing-blue', 'housing-green', 'housing-always']

/** A distribution whose default behavior leads to a third origin and runs the function. */
async function running(
  items: Record<string, string>,
  unknownOrigin: UnknownOrigin = 'Throws',
): Promise<Running> {
  const ports = await Promise.all(ORIGINS.map((id) => origin(says(id))))
  return start({
    edges: 1,
    unknownOrigin,
    seed: {
      distributions: [
        {
          aliases: [HOST],
          origins: ORIGINS.map((id) => ({ id, domainName: `${id}.example` })),
          behaviors: [
            { pathPattern: '*', targetOriginId: 'housing-always', viewerRequestFunction: 'route-housing' },
          ],
        },
      ],
      keyValueStores: [{ name: 'models', items }],
      functions: [{ name: 'route-housing', code: functionSource('models:housing'), keyValueStore: 'models' }],
    },
    resolve: ORIGINS.map((id, index) => `${id}.example=127.0.0.1:${ports[index] ?? 0}`),
  })
}

test('the key decides, also for a POST with a query', async () => {
  const world = await running({ 'models:housing': '{"v":1,"live":"housing-green","at":1}' })
  const answer = await ask(world.edgeUrls[0], { method: 'POST', path: '/predict?a=b', body: '{}' })
  expect(answer).toMatchObject({ status: 200, body: 'housing-green' })
  expect(world.logged).toEqual([])
})

test('a canary has its share of users, and each of them stays', async () => {
  const canary = { origin: 'housing-green', weight: 30, salt: 'r7', header: 'x-user-id' }
  const world = await running({
    'models:housing': JSON.stringify({ v: 1, live: 'housing-blue', canary, at: 1 }),
  })
  const round = async (): Promise<string[]> => {
    const answers: string[] = []
    for (let user = 0; user < 300; user += 1)
      answers.push((await ask(world.edgeUrls[0], { headers: { 'x-user-id': `user-${user}` } })).body)
    return answers
  }
  const first = await round()
  expect(new Set(first)).toEqual(new Set(['housing-blue', 'housing-green']))
  // Three standard deviations of 300 users around 30 %.
  const share = first.filter((body) => body === 'housing-green').length / first.length
  expect(Math.abs(share - 0.3)).toBeLessThan(0.08)
  expect(await round()).toEqual(first)
})

test.each([
  { name: 'no key', items: {} },
  { name: 'garbage', items: { 'models:housing': '<html>' } },
  { name: 'an unknown version', items: { 'models:housing': '{"v":2,"live":"housing-green"}' } },
])('with $name the behavior decides, and the log of the function says why', async ({ items }) => {
  // Nothing here depends on what an id does that no origin has.
  const world = await running(items, 'FailsRequest')
  expect(await ask(world.edgeUrls[0])).toMatchObject({ status: 200, body: 'housing-always' })
  expect(world.logged).toMatchObject([
    { data: { line: expect.stringContaining('key "models:housing" was not followed') as unknown } },
  ])
})

// AWS does not say what selecting an origin that is not there does, so the operator never writes such a key.
test.each([
  ['Throws', 200, 'housing-always'],
  ['FailsRequest', 502, expect.stringContaining('no address')],
] as const)(
  'with an origin that is not there, where that %s, the answer is %p',
  async (unknown, status, body) => {
    const world = await running({ 'models:housing': '{"v":1,"live":"housing-red"}' }, unknown)
    expect(await ask(world.edgeUrls[0])).toMatchObject({ status, body: body as unknown })
  },
)
