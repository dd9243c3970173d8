import { describe, expect, test } from '@jest/globals'
import type { ProbeAnswer, ColorState, PodState } from '../../planner/model/observation.ts'
import { FakeClock, settle } from '../../controller/testing/fake-clock.ts'
import { Readiness } from './readiness.ts'

const KEY = { namespace: 'models', name: 'housing' }

function answer(status: number, body = ''): ProbeAnswer {
  return { type: 'Answered', status, headers: {}, body, latencyMs: 1 }
}

function unready(name: string, changes: Partial<PodState> = {}): PodState {
  return {
    name,
    revision: 'abc',
    ready: 'No',
    trouble: { reason: 'NotReady', message: 'its readiness probe has not succeeded' },
    probe: { url: `http://10.0.0.1:8080/ready?of=${name}`, headers: [] },
    ...changes,
  }
}

function colors(...pods: PodState[]): Record<'blue' | 'green', ColorState> {
  return { blue: { pods: [] }, green: { pods } }
}

function watching(first: ProbeAnswer) {
  const clock = new FakeClock()
  const asked: string[] = []
  const changed: string[] = []
  const say = { answer: first }
  const readiness = new Readiness({
    clock,
    onChanged: (key) => changed.push(key),
    ask: ({ url }) => {
      asked.push(url)
      return Promise.resolve(say.answer)
    },
  })
  /** What is told of the pods once they were asked. */
  const told = async (...pods: PodState[]): Promise<PodState['trouble'][]> => {
    readiness.told(KEY, colors(...pods))
    await settle()
    return readiness.told(KEY, colors(...pods)).green.pods.map(({ trouble }) => trouble)
  }
  return { clock, asked, changed, say, readiness, told }
}

describe('a pod that is not ready is asked why', () => {
  test.each<[string, ProbeAnswer, object]>([
    [
      'another path',
      answer(404, 'Cannot GET /ready'),
      { message: expect.stringMatching(/: \/ready answers 404: Cannot GET \/ready$/) },
    ],
    [
      'nobody listens',
      { type: 'NoAnswer', message: '10.0.0.1:8080 refuses the connection (ECONNREFUSED)' },
      { message: expect.stringContaining(': 10.0.0.1:8080 refuses the connection') },
    ],
    [
      'a model server that goes on trying',
      answer(503, '{"ready":false,"error":"the model is being fetched"}'),
      { message: expect.stringMatching(/: the model is being fetched$/) },
    ],
    [
      'a model server that gave up',
      answer(503, '{"ready":false,"error":"another digest","final":true}'),
      { message: expect.stringMatching(/: another digest$/), final: 'Yes' },
    ],
    ['about to be ready', answer(200), { message: 'its readiness probe has not succeeded' }],
  ])('%s', async (_name, said, trouble) => {
    const { told } = watching(said)
    expect(await told(unready('a'))).toEqual([{ reason: 'NotReady', ...trouble }])
  })

  test('and what it says is final only where it says so of itself, in the words of a model server', async () => {
    const { told } = watching(answer(503, '{"final":true}'))
    expect(await told(unready('a'))).not.toEqual([expect.objectContaining({ final: 'Yes' })])
  })

  test('and a pass comes when it says something else, and only then', async () => {
    const { clock, changed, say, told } = watching(answer(503, 'one'))
    await told(unready('a'))
    await clock.advance(10_000)
    expect(changed).toEqual(['models/housing'])
    say.answer = answer(503, 'two')
    await clock.advance(2_000)
    expect(changed).toEqual(['models/housing', 'models/housing'])
  })

  test('for as long as passes ask for it', async () => {
    const { asked, clock, readiness, told } = watching(answer(503))
    await told(unready('a'))
    await clock.advance(300_000)
    const before = asked.length
    await clock.advance(300_000)
    expect(asked).toHaveLength(before)
    await told(unready('a'))
    await told(unready('a', { ready: 'Yes' }))
    await clock.advance(60_000)
    expect(asked).toHaveLength(before + 1)
    readiness.stop()
  })

  test('two pods of a color, and a bounded number of releases', async () => {
    const { asked, readiness } = watching(answer(503))
    readiness.told(KEY, colors(unready('a'), unready('b'), unready('c')))
    await settle()
    expect(asked.map((url) => url.at(-1))).toEqual(['a', 'b'])
    for (let count = 0; count < 200; count += 1)
      readiness.told({ namespace: 'tenant', name: `r${count}` }, colors(unready('a')))
    await settle()
    expect(asked.length).toBeLessThanOrEqual(2 + 64)
    readiness.stop()
  })

  describe('whoever else has pods that are not ready', () => {
    const silent = (readiness: Readiness, namespace: string, count: number): void => {
      for (let n = 0; n < count; n += 1) readiness.told({ namespace, name: `r${n}` }, colors(unready('a')))
    }

    test('one tenant finds room beside another with hundreds, in pass after pass', async () => {
      const { readiness, say } = watching(answer(503, 'first'))
      silent(readiness, 'many', 200)
      const told = async (): Promise<unknown> => {
        readiness.told(KEY, colors(unready('b')))
        await settle()
        return readiness.told(KEY, colors(unready('b'))).green.pods[0]?.trouble?.message
      }
      expect(await told()).toMatch(/: .*503: first$/)
      say.answer = answer(503, 'second')
      // What took his place once would go on doing so.
      silent(readiness, 'many', 200)
      expect(await told()).toMatch(/: .*503: first$/)
      readiness.stop()
    })

    test('two tenants with hundreds have half each, and take nothing from each other for ever', async () => {
      const { readiness, asked, clock } = watching(answer(503))
      silent(readiness, 'one', 200)
      silent(readiness, 'other', 200)
      await settle()
      silent(readiness, 'one', 200)
      silent(readiness, 'other', 200)
      await settle()
      const before = asked.length
      await clock.advance(2_000)
      expect(asked.length - before).toBe(64)
      // Of 200 at the start, and 32 that got a place that the first gave up.
      expect(before).toBe(64 + 32)
      readiness.stop()
    })
  })

  test('and headers that it sends are not told with the answer', async () => {
    const { told } = watching(answer(500, 'token abc'))
    const probe = { url: 'http://10.0.0.1:8080/ready', headers: [{ name: 'x', value: 'abc' }] }
    expect(JSON.stringify(await told(unready('a', { probe })))).not.toContain('abc')
  })
})
