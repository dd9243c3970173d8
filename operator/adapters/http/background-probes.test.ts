import { describe, expect, test } from '@jest/globals'
import type { ProbeAnswer, Action } from '../../planner/model/observation.ts'
import { FakeClock, settle } from '../../controller/testing/fake-clock.ts'
import { Inquiries, type PassProber } from './background-probes.ts'
import type { HttpProbe } from '../../ports/ports.ts'

type RunGates = Extract<Action, { type: 'RunGates' }>
type Question = Parameters<HttpProbe>[0]

function gates(changes: Partial<RunGates> = {}): RunGates {
  const request = { method: 'GET', path: '/' } as const
  const smoke = { request, expect: { status: 200 }, consecutive: 1, timeoutSeconds: 60 }
  return {
    type: 'RunGates',
    key: 'k',
    gates: [{ name: 'known', smoke }],
    pods: [{ name: 'pod-a', origin: 'http://10.0.0.1:8080' }],
    service: { name: 'Service green', origin: 'http://10.96.0.9:80' },
    ...changes,
  }
}

const verify: Extract<Action, { type: 'Verify' }> = {
  type: 'Verify',
  field: 'spec.traffic.cloudFrontDistribution.verify',
  target: { name: 'https://models.example.com/', origin: 'https://models.example.com' },
  request: { method: 'GET', path: '/' },
  consecutive: 100,
  revision: 'r',
  identity: 'Headers',
}

const RIGHT: ProbeAnswer = { type: 'Answered', status: 200, headers: {}, body: '', latencyMs: 1 }

/** Models that answer when the test says so. */
function models() {
  const clock = new FakeClock()
  const pending: { question: Question; answer: (answer: ProbeAnswer) => void }[] = []
  const answered: string[] = []
  const inquiries = new Inquiries({
    clock,
    onAnswered: (key) => answered.push(key),
    ask: (question) =>
      new Promise((answer) => {
        pending.push({ question, answer })
        // As the real client: what is given up ends at once.
        question.signal?.addEventListener('abort', () => answer({ type: 'NoAnswer', message: 'given up' }))
      }),
  })
  const answerAll = async (): Promise<void> => {
    for (let one = pending.shift(); one; one = pending.shift()) {
      one.answer(RIGHT)
      await settle()
    }
  }
  return { clock, pending, answered, inquiries, answerAll }
}

/** One reconcile that asks for the action, and how it ended. */
async function pass(prober: PassProber, clock: FakeClock, step: RunGates = gates()): Promise<unknown> {
  const did = prober.runGates(step)
  await clock.advance(1_000)
  const result = await did
  prober.passed()
  return result
}

const ASKING = { type: 'Asking' }
const PASSED = { type: 'GatesRan', results: [{ name: 'known', result: 'Passed' }] }

describe('gates', () => {
  test('that are answered at once are the matter of one pass, which wakes nobody', async () => {
    const { inquiries, answerAll, answered } = models()
    const did = inquiries.of('models/a', 'models').runGates(gates())
    await settle()
    await answerAll()
    expect(await did).toMatchObject(PASSED)
    expect(answered).toEqual([])
    expect(inquiries.size).toBe(0)
  })

  test('that are slow leave the worker after a moment, and their end is told', async () => {
    const { inquiries, clock, answered, answerAll, pending } = models()
    expect(await pass(inquiries.of('models/a', 'models'), clock)).toEqual(ASKING)
    // Looks only; nothing is asked twice, and it does not wait again.
    expect(await inquiries.of('models/a', 'models').runGates(gates())).toEqual(ASKING)
    expect(pending).toHaveLength(2)
    expect(clock.timers).toBe(0)
    await answerAll()
    expect(answered).toEqual(['models/a'])
    expect(await inquiries.of('models/a', 'models').runGates(gates())).toMatchObject(PASSED)
  })

  test('are asked anew when their outcome was taken', async () => {
    const { inquiries, clock, answerAll, pending } = models()
    await pass(inquiries.of('models/a', 'models'), clock)
    await answerAll()
    await inquiries.of('models/a', 'models').runGates(gates())
    await pass(inquiries.of('models/a', 'models'), clock)
    expect(pending).toHaveLength(2)
  })

  test.each<[string, RunGates]>([
    ['pods', gates({ pods: [{ name: 'pod-b', origin: 'http://10.0.0.2:8080' }] })],
    ['attempts', gates({ key: 'other' })],
    ['revisions', gates({ expectRevision: 'other' })],
    ['directions', gates({ direction: 'Back' })],
  ])('of other %s have nothing of those before', async (_name, other) => {
    const { inquiries, clock, answerAll, pending, answered } = models()
    await pass(inquiries.of('models/a', 'models'), clock)
    const before = pending.splice(0)
    expect(await pass(inquiries.of('models/a', 'models'), clock, other)).toEqual(ASKING)
    expect(before.every(({ question }) => question.signal?.aborted)).toBe(true)
    expect(answered).toEqual([])
    await answerAll()
    expect(await inquiries.of('models/a', 'models').runGates(other)).toMatchObject({ type: 'GatesRan' })
  })

  test('are given up when a pass has something else to do', async () => {
    const { inquiries, clock, pending } = models()
    await pass(inquiries.of('models/a', 'models'), clock)
    inquiries.of('models/a', 'models').passed()
    expect(pending.every(({ question }) => question.signal?.aborted)).toBe(true)
    expect(inquiries.size).toBe(0)
  })

  test('go on when a pass failed before it came to them', async () => {
    const { inquiries, clock, pending } = models()
    await pass(inquiries.of('models/a', 'models'), clock)
    inquiries.of('models/a', 'models')
    expect(pending.some(({ question }) => question.signal?.aborted)).toBe(false)
  })

  test('of one release are nothing to another', async () => {
    const { inquiries, clock } = models()
    await pass(inquiries.of('models/a', 'models'), clock)
    await pass(inquiries.of('models/b', 'models'), clock)
    expect(inquiries.size).toBe(2)
    inquiries.giveUp('models/a')
    expect(inquiries.size).toBe(1)
  })

  test('of a hundred silent releases of one tenant leave room for another, and for a return of his own', async () => {
    const { inquiries, clock, pending } = models()
    for (let n = 0; n < 100; n += 1) await pass(inquiries.of(`bad/${n}`, 'bad'), clock)
    expect(pending).toHaveLength(16)
    const good = inquiries.of('good/a', 'good').runGates(gates({ key: 'good' }))
    const back = inquiries.of('bad/back', 'bad').runGates(gates({ key: 'back', direction: 'Back' }))
    await settle()
    for (const { answer } of pending.splice(16)) answer(RIGHT)
    expect(await good).toMatchObject({ ...PASSED, key: 'good' })
    expect(await back).toMatchObject({ ...PASSED, key: 'back' })
    expect(clock.timers).toBe(0)
  })
})

describe('returns and verifications', () => {
  const back = gates({ direction: 'Back' })
  type Prove = (prober: PassProber) => Promise<unknown>
  const kinds: [string, Prove, object][] = [
    ['returns', (prober) => prober.runGates(back), PASSED],
    ['verifications', (prober) => prober.verify({ ...verify, consecutive: 1 }), { type: 'Verified' }],
  ]
  /** As many silent releases of one tenant as there are numbers. */
  const silent = async ({ inquiries, clock }: ReturnType<typeof models>, prove: Prove, tenant: string) => {
    for (let n = 0; n < 100; n += 1) {
      const did = prove(inquiries.of(`${tenant}/${n}`, tenant))
      await clock.advance(1_000)
      await did
    }
  }

  test.each(kinds)(
    'of a hundred releases of one tenant: %s are asked in turn, and all of them',
    async (_kind, prove, proven) => {
      const all = models()
      await silent(all, prove, 'bad')
      expect(all.pending).toHaveLength(16)
      const good = prove(all.inquiries.of('good/a', 'good'))
      await settle()
      for (const { answer } of all.pending.splice(16)) answer(RIGHT)
      await settle()
      for (const { answer } of all.pending.splice(16)) answer(RIGHT)
      expect(await good).toMatchObject(proven)
      await all.answerAll()
      expect(all.answered.filter((key) => key.startsWith('bad/'))).toHaveLength(100)
    },
  )

  test.each(kinds)('of many tenants: %s take no more than the memory holds', async (_kind, prove) => {
    const all = models()
    for (let n = 0; n < 6; n += 1) await silent(all, prove, `bad${n}`)
    expect(all.pending).toHaveLength(64)
  })
})

test('a verification of many answers leaves the worker too', async () => {
  const { inquiries, clock, pending } = models()
  const did = inquiries.of('models/a', 'models').verify(verify)
  await clock.advance(1_000)
  expect(await did).toEqual(ASKING)
  expect(pending).toHaveLength(1)
})

test('a stop ends all of them, and a pass at that time begins none', async () => {
  const { inquiries, clock, pending, answered } = models()
  await pass(inquiries.of('models/a', 'models'), clock)
  const during = inquiries.of('models/b', 'models').runGates(gates())
  await settle()
  inquiries.stop()
  expect(await during).toEqual(ASKING)
  expect(await inquiries.of('models/c', 'models').runGates(gates())).toEqual(ASKING)
  expect(pending.every(({ question }) => question.signal?.aborted)).toBe(true)
  expect(answered).toEqual([])
})
