import { describe, expect, test } from '@jest/globals'
import { FINISH_MS } from '../../../model-server/http/drain.ts'
import { finishingSeconds } from './draining.ts'
import type { PodState, StoredRevision } from './observation.ts'

const stored = (spec: Record<string, unknown>, identity: StoredRevision['identity']): StoredRevision => ({
  attempt: 'a',
  revision: 'r',
  generation: 1,
  template: { spec },
  port: 8080,
  gates: [],
  identity,
})
const pod = (containers?: number): PodState => ({
  name: 'one',
  revision: 'r',
  ready: 'Yes',
  ...(containers === undefined ? {} : { containers }),
})
const server = (...delays: unknown[]): StoredRevision =>
  stored(
    {
      terminationGracePeriodSeconds: 60,
      containers: [{ name: 'model-server', env: delays.map((value) => ({ name: 'DRAIN_DELAY_MS', value })) }],
    },
    'Headers',
  )
const asleep = (seconds: unknown): Record<string, unknown> => ({
  name: 'web',
  lifecycle: { preStop: { sleep: { seconds } } },
})
const web = (...containers: Record<string, unknown>[]): StoredRevision => stored({ containers }, 'None')

describe('pods that are told to end go on with what they answer', () => {
  test.each<[string, StoredRevision | undefined, number]>([
    ['a model server for its delay and 20 s', server('5000'), 25],
    ['a model server whose delay the user set', server('5000', '0'), 20],
    ['a model server whose delay a ConfigMap says', server(undefined), 20],
    ['a model server with a delay longer than its grace', server('600000'), 60],
    ['any other container for no time that is known', web({ name: 'web' }), 0],
    ['a container that sleeps first', web(asleep(25)), 25],
    ['a container that sleeps for longer than the usual grace', web(asleep(45)), 30],
    ['containers of which one does not sleep', web(asleep(25), { name: 'proxy' }), 0],
    ['a hook that is no sleep', web({ name: 'web', lifecycle: { preStop: { exec: {} } } }), 0],
    ['a sleep that is no number', web(asleep('long')), 0],
    ['a revision that nobody stored', undefined, 0],
    ['a template without containers', web(), 0],
  ])('%s', (_what, revision, seconds) => {
    expect(finishingSeconds(revision, [pod()])).toBe(seconds)
  })

  test('the time of the server is the one that it takes', () => {
    expect(finishingSeconds(server(), [])).toBe(FINISH_MS / 1000)
  })

  test('not where an admission webhook has put a container beside the server', () => {
    expect(finishingSeconds(server('5000'), [pod(1), pod(1)])).toBe(25)
    expect(finishingSeconds(server('5000'), [pod(1), pod(2)])).toBe(0)
  })
})
