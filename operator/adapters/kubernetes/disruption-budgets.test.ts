import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { LABEL } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { ApiClient } from '../../controller/api-client.ts'
import { FakeApiServer, status } from '../../test/fakes/api-server.ts'
import { housingBehindService } from '../../test/fakes/simulated-world.ts'
import { Budgets, selects } from './disruption-budgets.ts'
import type { LabelSelector } from './objects.ts'

const V1 = '/apis/policy/v1/namespaces/models/poddisruptionbudgets'
const V1BETA1 = '/apis/policy/v1beta1/namespaces/models/poddisruptionbudgets'
const LABELS = { [LABEL.name]: 'housing', [LABEL.color]: 'blue', app: 'web', 'pod-template-hash': '5c' }
const OWNED = { type: 'ApplyBudget', color: 'blue', ownership: 'Owned' } as const

const release: ModelRelease = {
  metadata: { name: 'housing', namespace: 'models', uid: 'uid-1', generation: 1, resourceVersion: '1' },
  spec: housingBehindService(1),
}

const server = new FakeApiServer()
let access: ApiClient
let now = 0
let budgets: Budgets

beforeAll(async () => {
  access = new ApiClient(await server.listen())
})
afterAll(async () => {
  access.close()
  await server.close()
})
beforeEach(() => {
  server.reset()
  now = 1_000_000
  budgets = new Budgets(access, () => now)
})

const read = (): ReturnType<Budgets['of']> => budgets.of(release, 'blue', [LABELS])
const requests = (): string[] => server.seen.map(({ method, path }) => `${method} ${path}`)

function putBudget(name: string, spec: object, labels: Record<string, string> = {}): void {
  server.put(V1, { metadata: { name, namespace: 'models', labels }, spec })
}

describe('ours', () => {
  test('is made, known again, and removed', async () => {
    await budgets.apply(release, OWNED)
    expect(server.at(`${V1}/housing-blue`)).toMatchObject({
      apiVersion: 'policy/v1',
      metadata: {
        labels: { [LABEL.name]: 'housing', [LABEL.color]: 'blue', [LABEL.managedBy]: 'modelrelease' },
        ownerReferences: [{ uid: 'uid-1' }],
      },
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: { [LABEL.name]: 'housing', [LABEL.color]: 'blue' } },
      },
    })
    await expect(read()).resolves.toEqual({ budget: { ownership: 'Owned' } })
    await expect(budgets.of(release, 'green', [])).resolves.toEqual({})
    await budgets.remove(release, 'blue')
    expect(server.at(`${V1}/housing-blue`)).toBeUndefined()
    await budgets.remove(release, 'blue')
  })

  test.each<[string, object, RegExp]>([
    ['never lets a pod go', { minAvailable: '100%', maxUnavailable: null }, /minAvailable is 100%/],
    ['lets all go', { maxUnavailable: '100%' }, /maxUnavailable is 100% instead of 1/],
    ['keeps unready pods', { unhealthyPodEvictionPolicy: 'IfHealthyBudget' }, /IfHealthyBudget instead/],
    ['selects more', { selector: { matchLabels: { [LABEL.color]: null } } }, /spec\.selector is/],
    [
      'selects less',
      { selector: { matchExpressions: [{ key: 'x', operator: 'Exists' }] } },
      /spec\.selector/,
    ],
    ['selects others', { selector: { matchLabels: { extra: 'x' } } }, /spec\.selector is .*extra/],
  ])('that somebody edited so that it %s is put back', async (_what, spec, differs) => {
    await budgets.apply(release, OWNED)
    const before = (server.at(`${V1}/housing-blue`) as { spec?: object } | undefined)?.spec
    await access.request({
      method: 'PATCH',
      path: `${V1}/housing-blue`,
      contentType: 'application/merge-patch+json',
      body: JSON.stringify({ spec }),
    })
    now += 60_000
    const { budget } = await read()
    expect(budget?.differs).toMatch(differs)
    await budgets.apply(release, OWNED)
    expect((server.at(`${V1}/housing-blue`) as { spec?: object } | undefined)?.spec).toEqual(before)
    await expect(read()).resolves.toEqual({ budget: { ownership: 'Owned' } })
  })

  test('outlives the release, or goes with it, as asked; other owners stay', async () => {
    await budgets.apply(release, { ...OWNED, ownership: 'Free' })
    await expect(read()).resolves.toEqual({ budget: { ownership: 'Free' } })
    const found = server.at(`${V1}/housing-blue`)
    server.put(V1, { ...found, metadata: { ...found?.metadata, ownerReferences: [{ uid: 'other' }] } })
    await budgets.apply(release, OWNED)
    expect(server.at(`${V1}/housing-blue`)?.metadata).toMatchObject({
      ownerReferences: [{ uid: 'other' }, { uid: 'uid-1' }],
    })
  })

  test('without an eviction policy, as an API server that knows none stores it, is as it should be', async () => {
    server.admit = (object) => {
      const { spec, ...rest } = structuredClone(object) as { spec: { unhealthyPodEvictionPolicy?: string } }
      delete spec.unhealthyPodEvictionPolicy
      return { ...rest, spec }
    }
    await budgets.apply(release, OWNED)
    await expect(read()).resolves.toEqual({ budget: { ownership: 'Owned' } })
  })

  test('never takes the name of one that is somebody else’s', async () => {
    putBudget('housing-blue', { minAvailable: 1, selector: { matchLabels: { app: 'other' } } })
    await expect(budgets.apply(release, OWNED)).rejects.toMatchObject({ name: 'ConflictError' })
    await budgets.remove(release, 'blue')
    expect(server.at(`${V1}/housing-blue`)).toMatchObject({ spec: { minAvailable: 1 } })
  })
})

describe('of somebody else', () => {
  test.each<[string, LabelSelector, object]>([
    ['for the release', { matchLabels: { [LABEL.name]: 'housing' } }, { counts: 'Both' }],
    ['for everything', {}, { counts: 'Both' }],
    ['for a label of the template', { matchLabels: { app: 'web' } }, { counts: 'Both' }],
    [
      'for the color',
      { matchLabels: { [LABEL.name]: 'housing', [LABEL.color]: 'blue' } },
      { counts: 'Color' },
    ],
    [
      'for what is not the other color',
      { matchExpressions: [{ key: LABEL.color, operator: 'NotIn', values: ['green'] }] },
      { counts: 'Color' },
    ],
  ])('%s is found', async (_what, selector, found) => {
    putBudget('web', { minAvailable: 1, selector })
    await expect(read()).resolves.toEqual({ otherBudgets: [{ name: 'web', ...found }] })
  })

  test.each<[string, LabelSelector | undefined]>([
    ['for another app', { matchLabels: { app: 'other' } }],
    ['for the other color', { matchLabels: { [LABEL.color]: 'green' } }],
    ['without a selector', undefined],
  ])('%s is nothing to us', async (_what, selector) => {
    putBudget('web', { minAvailable: 1, selector })
    await expect(read()).resolves.toEqual({})
  })
})

test('selectors are read as the API has them', () => {
  const term = (operator: string, values?: string[]): LabelSelector => ({
    matchExpressions: [{ key: 'a', operator, ...(values ? { values } : {}) }],
  })
  const rows: [LabelSelector | null, boolean, boolean][] = [
    [null, false, false],
    [{}, true, true],
    [term('In', ['1', '2']), true, false],
    [term('In', ['2']), false, false],
    [term('NotIn', ['2']), true, true],
    [term('NotIn', ['1']), false, true],
    [term('Exists'), true, false],
    [term('DoesNotExist'), false, true],
    [term('Newer'), false, false],
    [{ matchLabels: { a: '1' }, matchExpressions: [{ key: 'b', operator: 'Exists' }] }, false, false],
  ]
  for (const [selector, with1, without1] of rows)
    expect([selector, selects(selector, { a: '1' }), selects(selector, {})]).toEqual([
      selector,
      with1,
      without1,
    ])
})

describe('requests', () => {
  test('the budgets of a namespace are listed once for all its releases, and anew after a while', async () => {
    await read()
    await read()
    await budgets.of({ ...release, metadata: { ...release.metadata, name: 'other' } }, 'green', [])
    expect(requests()).toEqual([`GET ${V1}`])
    now += 31_000
    await read()
    expect(requests()).toEqual([`GET ${V1}`, `GET ${V1}`])
  })

  test('a write is seen in the next pass', async () => {
    await read()
    await budgets.apply(release, OWNED)
    await expect(read()).resolves.toEqual({ budget: { ownership: 'Owned' } })
  })

  test('an older API server is asked in its own version from then on', async () => {
    server.refuse = ({ path }) =>
      path.startsWith('/apis/policy/v1/') ? status(404, 'NotFound', 'no') : undefined
    await budgets.apply(release, OWNED)
    expect(server.at(`${V1BETA1}/housing-blue`)).toMatchObject({
      apiVersion: 'policy/v1beta1',
      spec: { maxUnavailable: 1 },
    })
    expect(JSON.stringify(server.at(`${V1BETA1}/housing-blue`))).not.toContain('unhealthyPodEvictionPolicy')
    await read()
    expect(requests()).toEqual([`GET ${V1}`, `GET ${V1BETA1}`, `POST ${V1BETA1}`, `GET ${V1BETA1}`])
    // It is upgraded, and the old version is gone.
    server.refuse = ({ path }) => (path.includes('v1beta1') ? status(404, 'NotFound', 'no') : undefined)
    now += 31_000
    await expect(read()).resolves.toEqual({})
  })

  test.each([
    [
      status(403, 'Forbidden', 'cannot list resource "poddisruptionbudgets"'),
      /grant its ServiceAccount the verb "list"/,
    ],
    [status(404, 'NotFound', 'no'), /serves neither/],
    [status(503, 'ServiceUnavailable', 'try later'), /^$/],
  ])('what cannot be listed is unknown: %j', async (refusal, why) => {
    server.refuse = () => refusal
    const { budgetsUnknown } = await read()
    expect(budgetsUnknown).toMatch(why)
  })

  test('a failure that passes is not remembered', async () => {
    server.refuse = () => status(503, 'ServiceUnavailable', 'try later')
    await read()
    server.refuse = () => undefined
    await expect(read()).resolves.toEqual({})
  })
})
