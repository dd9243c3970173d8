import { describe, expect, test } from '@jest/globals'
import type { Gate } from '../../api/release.ts'
import type { ProbeAnswer, Action } from '../../planner/model/observation.ts'
import type { HttpProbe } from '../../ports/ports.ts'
import { createProber } from './prober.ts'

type Question = Parameters<HttpProbe>[0]
type Answered = Extract<ProbeAnswer, { type: 'Answered' }>

const revision = { 'x-modelrelease-revision': 'new' }

function answered(changes: Partial<Answered> = {}): Answered {
  return { type: 'Answered', status: 200, headers: revision, body: '{}', latencyMs: 1, ...changes }
}

/** A world that answers by a rule, and remembers what it was asked. */
function world(answer: (question: Question, nth: number) => ProbeAnswer): {
  ask: HttpProbe
  asked: Question[]
} {
  const asked: Question[] = []
  return {
    asked,
    ask: (question) => {
      asked.push(question)
      return Promise.resolve(answer(question, asked.length))
    },
  }
}

function gate(name: string, smoke: Partial<Gate['smoke']> = {}): Gate {
  const request = { method: 'GET', path: `/${name}` } as const
  return { name, smoke: { request, expect: { status: 200 }, consecutive: 1, timeoutSeconds: 10, ...smoke } }
}

type RunGates = Extract<Action, { type: 'RunGates' }>

function runGates(changes: Partial<RunGates> = {}): RunGates {
  return {
    type: 'RunGates',
    key: 'k',
    gates: [gate('known')],
    pods: [
      { name: 'pod-a', origin: 'http://10.0.0.1:8080' },
      { name: 'pod-b', origin: 'http://10.0.0.2:8080' },
    ],
    service: { name: 'Service housing-green', origin: 'http://10.96.0.9:80' },
    expectRevision: 'new',
    ...changes,
  }
}

const from = (host: string) => (question: Question) => new URL(question.url).hostname === host

describe('gates', () => {
  test('pass when every pod and the Service answer rightly as often as asked for', async () => {
    const { ask, asked } = world(() => answered({ headers: { ...revision, 'x-model-digest': 'sha256:1' } }))
    const ran = await createProber(ask).runGates(runGates({ gates: [gate('known', { consecutive: 3 })] }))
    expect(ran).toEqual({
      type: 'GatesRan',
      key: 'k',
      pods: ['pod-a', 'pod-b'],
      results: [
        { name: 'known', result: 'Passed', message: 'as expected from 2 pods and Service housing-green' },
      ],
      digest: 'sha256:1',
    })
    for (const host of ['10.0.0.1', '10.0.0.2', '10.96.0.9']) expect(asked.filter(from(host))).toHaveLength(3)
  })

  describe('that get no answer name the field that decides it:', () => {
    const silent = (message: string): Promise<unknown> =>
      createProber(world(() => ({ type: 'NoAnswer', message })).ask).runGates(runGates())
    const result = (target: string, message: string): object => ({
      results: [{ name: 'known', result: 'Unknown', target, message: expect.stringContaining(message) }],
    })

    test.each([
      [
        '10.0.0.1:8080 refuses the connection (ECONNREFUSED)',
        'nothing listens at spec.port (8080) of the pod: ',
      ],
      ['no answer from 10.0.0.1:8080 within 10 s', 'within 10 s (smoke.timeoutSeconds of gate "known")'],
      ['10.0.0.1:8080 closed the connection', '10.0.0.1:8080 closed the connection'],
    ])('%s', async (said, told) => {
      expect(await silent(said)).toMatchObject(result('pod-a', told))
    })

    test('a Service without endpoints', async () => {
      const { ask } = world((question) =>
        from('10.96.0.9')(question)
          ? { type: 'NoAnswer', message: 'no route to 10.96.0.9:80 (connect ENETUNREACH)' }
          : answered(),
      )
      expect(await createProber(ask).runGates(runGates())).toMatchObject(
        result('Service housing-green', 'Service housing-green has no endpoints yet'),
      )
    })
  })

  describe('and what users will be asked for after the move,', () => {
    const expectation = { status: 200, bodyContains: 'version 1' }
    const request = { method: 'GET', path: '/page' } as const
    const afterMove = {
      gate: gate('spec.traffic.verify', { request, expect: expectation }),
      live: { name: 'pod-live', origin: 'http://10.0.0.9:8080' },
    }
    /** What candidate and live revision answer to it. */
    const ran = async (candidate: Partial<Answered>, live: Partial<Answered>): Promise<unknown> => {
      const { ask } = world((question) => {
        if (!question.url.endsWith('/page')) return answered()
        return answered(from('10.0.0.9')(question) ? live : candidate)
      })
      const { results } = await createProber(ask).runGates(runGates({ afterMove }))
      return results.map(({ name, result }) => `${name} ${result}`)
    }

    test.each([
      [
        'holds for the live revision alone: it was left behind',
        'version 2',
        {},
        'version 1',
        ['spec.traffic.verify Failed'],
      ],
      ['holds for the candidate', 'version 1', {}, 'version 1', []],
      ['holds for neither: users come by another way', 'version 2', {}, 'a page', []],
      ['is asked by a path that pods do not have', 'version 2', { status: 404 }, 'version 1', []],
    ])('which %s', async (_, body, changes, live, told) => {
      expect(await ran({ body, ...changes }, { body: live })).toEqual(['known Passed', ...told])
    })
  })

  test('send what the gate says', async () => {
    const { ask, asked } = world(() => answered())
    const headers = [{ name: 'X-Key', value: 'k' }]
    const json = { method: 'POST', path: '/predict?v=1', headers, json: [1] } as const
    const text = {
      method: 'PUT',
      path: '/p',
      headers: [{ name: 'Content-Type', value: 'text/csv' }],
      body: 'a,b',
    } as const
    const gates = [
      gate('a', { request: { ...json, headers: [...headers] }, timeoutSeconds: 7 }),
      gate('b', { request: { ...text, headers: [...text.headers] } }),
    ]
    await createProber(ask).runGates(runGates({ gates }))
    expect(asked.filter(from('10.0.0.1'))).toEqual([
      {
        url: 'http://10.0.0.1:8080/predict?v=1',
        method: 'POST',
        headers: { 'x-key': 'k', 'content-type': 'application/json' },
        body: '[1]',
        timeoutMs: 7000,
        to: 'Candidate',
      },
      {
        url: 'http://10.0.0.1:8080/p',
        method: 'PUT',
        headers: { 'content-type': 'text/csv' },
        body: 'a,b',
        timeoutMs: 10_000,
        to: 'Candidate',
      },
    ])
  })

  test('fail at the first wrong answer of one pod, naming it', async () => {
    const { ask, asked } = world((question) =>
      from('10.0.0.2')(question) ? answered({ status: 500, body: 'boom' }) : answered(),
    )
    const ran = await createProber(ask).runGates(runGates({ gates: [gate('known', { consecutive: 5 })] }))
    expect(ran.results).toEqual([
      { name: 'known', result: 'Failed', target: 'pod-b', message: 'expected status 200, got 500: boom' },
    ])
    expect(asked.filter(from('10.0.0.2'))).toHaveLength(1)
  })

  test('tell nothing of what an origin without identity says, which may be anybody', async () => {
    const { ask } = world((question) =>
      from('green.example.com')(question) ? answered({ status: 403, body: 'of somebody else' }) : answered(),
    )
    const step = runGates({ origin: { name: 'origin o', origin: 'http://green.example.com:80' } })
    Reflect.deleteProperty(step, 'expectRevision')
    const { results } = await createProber(ask).runGates(step)
    expect(results).toMatchObject([{ result: 'Failed', message: 'expected status 200, got 403' }])
  })

  test('are asked through the origin too, as CloudFront asks it, and hide what it sends', async () => {
    const { ask, asked } = world((question) =>
      question.url.startsWith('https:')
        ? answered({ status: 404, body: 'not s3cret-of-origin' })
        : answered(),
    )
    const request = {
      method: 'GET',
      path: '/known',
      headers: [{ name: 'X-Origin-Secret', value: 'of the gate' }],
    } as const
    const ran = await createProber(ask).runGates(
      runGates({
        gates: [gate('known', { request: { ...request, headers: [...request.headers] } })],
        origin: {
          name: 'origin housing-green',
          origin: 'https://green.example.com:8443',
          through: 'LoadBalancer',
          path: '/api',
          headers: [
            { name: 'host', value: 'models.example.com' },
            { name: 'x-origin-secret', value: 's3cret-of-origin' },
          ],
        },
      }),
    )
    expect(asked.find(({ url }) => url.startsWith('https:'))).toEqual({
      url: 'https://green.example.com:8443/api/known',
      method: 'GET',
      headers: { host: 'models.example.com', 'x-origin-secret': 's3cret-of-origin' },
      timeoutMs: 10_000,
      to: 'Named',
    })
    expect(ran.results).toEqual([
      {
        name: 'known',
        result: 'Failed',
        target: 'origin housing-green',
        message: 'expected status 200, got 404: not (header value)',
      },
    ])
  })

  test('prove nothing where a load balancer answers that reaches no pod', async () => {
    const origin = {
      name: 'origin o',
      origin: 'http://green.example.com:80',
      through: 'LoadBalancer',
    } as const
    const { ask } = world((question) =>
      from('green.example.com')(question) ? answered({ status: 502, headers: {} }) : answered(),
    )
    const ran = await createProber(ask).runGates(runGates({ origin }))
    expect(ran.results).toMatchObject([{ result: 'Unknown', target: 'origin o' }])
  })

  test('fail when only the Service answers wrongly', async () => {
    const { ask } = world((question) =>
      from('10.96.0.9')(question) ? answered({ status: 404 }) : answered(),
    )
    const ran = await createProber(ask).runGates(runGates())
    expect(ran.results).toMatchObject([{ result: 'Failed', target: 'Service housing-green' }])
  })

  test('prefer a wrong answer over one that proves nothing', async () => {
    const { ask } = world((question) =>
      from('10.0.0.1')(question) ? answered({ status: 503 }) : answered({ status: 404 }),
    )
    expect((await createProber(ask).runGates(runGates())).results).toMatchObject([
      { result: 'Failed', target: 'pod-b' },
    ])
  })

  test.each<[string, ProbeAnswer]>([
    ['is silent', { type: 'NoAnswer', message: 'connect ECONNREFUSED' }],
    ['asks to try again', answered({ status: 503 })],
    ['answers without identity', answered({ headers: {} })],
    ['answers with another revision', answered({ headers: { 'x-modelrelease-revision': 'old' } })],
    ['answers from a cache', answered({ headers: { ...revision, age: '1' } })],
  ])('are Unknown when one target %s', async (_, answer) => {
    const { ask } = world((question) => (from('10.96.0.9')(question) ? answer : answered()))
    const ran = await createProber(ask).runGates(runGates())
    expect(ran.results).toMatchObject([{ result: 'Unknown', target: 'Service housing-green' }])
  })

  test('are Unknown when the last of several answers is missing', async () => {
    const { ask } = world((_, nth) => (nth === 3 ? { type: 'NoAnswer', message: 'timeout' } : answered()))
    const step = runGates({ gates: [gate('known', { consecutive: 3 })], pods: runGates().pods.slice(0, 1) })
    const silentPod: HttpProbe = (question) =>
      from('10.0.0.1')(question) ? ask(question) : Promise.resolve(answered())
    expect((await createProber(silentPod).runGates(step)).results).toMatchObject([{ result: 'Unknown' }])
  })

  test('do not ask a silent pod for the other gates', async () => {
    const { ask, asked } = world((question) =>
      from('10.0.0.1')(question) ? { type: 'NoAnswer', message: 'timeout' } : answered(),
    )
    const ran = await createProber(ask).runGates(runGates({ gates: [gate('a'), gate('b')] }))
    expect(ran.results).toEqual([
      { name: 'a', result: 'Unknown', target: 'pod-a', message: 'timeout' },
      {
        name: 'b',
        result: 'Unknown',
        target: 'pod-a',
        message: 'not asked, because gate a got no usable answer',
      },
    ])
    expect(asked.filter(from('10.0.0.1'))).toHaveLength(1)
  })

  test('tell all that is wrong at once', async () => {
    const { ask } = world(() => answered({ status: 404 }))
    const ran = await createProber(ask).runGates(runGates({ gates: [gate('a'), gate('b')] }))
    expect(ran.results).toMatchObject([{ result: 'Failed' }, { result: 'Failed' }])
  })

  test('prove nothing without a pod', async () => {
    const { ask } = world(() => answered())
    expect((await createProber(ask).runGates(runGates({ pods: [] }))).results).toEqual([
      { name: 'known', result: 'Unknown', message: 'no pod to ask' },
    ])
  })

  test('prove nothing with a count of zero', async () => {
    const { ask, asked } = world(() => answered())
    const ran = await createProber(ask).runGates(runGates({ gates: [gate('known', { consecutive: 0 })] }))
    expect(ran.results).toMatchObject([{ result: 'Unknown' }])
    expect(asked).toEqual([])
  })

  test('fail when pods loaded different models', async () => {
    const { ask } = world((question) => {
      const digest = from('10.0.0.2')(question) ? 'sha256:2' : 'sha256:1'
      return answered({ headers: { ...revision, 'x-model-digest': digest } })
    })
    const ran = await createProber(ask).runGates(runGates())
    expect(ran.results).toEqual([
      {
        name: 'known',
        result: 'Failed',
        message: 'different models answered: sha256:1 from pod-a, sha256:2 from pod-b',
      },
    ])
    expect(ran).not.toHaveProperty('digest')
  })

  describe('whose digest is to be pinned', () => {
    const isHealth = ({ url }: Question): boolean => url.endsWith('/v2/health/ready')
    const withDigest = (digest: string): Answered =>
      answered({ headers: { ...revision, 'x-model-digest': digest } })
    const asked: Partial<RunGates> = { gates: [], digest: 'Asked' }

    test('ask each pod which model it has loaded where no gate says', async () => {
      const { ask, asked: questions } = world(() => withDigest('sha256:1'))
      const ran = await createProber(ask).runGates(runGates(asked))
      expect(ran).toMatchObject({ results: [], digest: 'sha256:1' })
      expect(questions.map(({ url }) => url)).toEqual([
        'http://10.0.0.1:8080/v2/health/ready',
        'http://10.0.0.2:8080/v2/health/ready',
      ])
    })

    test('do not ask where a gate says, nor where nothing is to be pinned', async () => {
      const { ask, asked: questions } = world(() => withDigest('sha256:1'))
      await createProber(ask).runGates(runGates({ digest: 'Asked' }))
      await createProber(ask).runGates(runGates({ gates: [] }))
      expect(questions.filter(isHealth)).toEqual([])
    })

    test('fail where two pods say different things', async () => {
      const { ask } = world((question) => withDigest(from('10.0.0.2')(question) ? 'sha256:2' : 'sha256:1'))
      const ran = await createProber(ask).runGates(runGates(asked))
      expect(ran.results).toMatchObject([
        { result: 'Failed', message: 'different models answered: sha256:1 from pod-a, sha256:2 from pod-b' },
      ])
      expect(ran).not.toHaveProperty('digest')
    })

    test('prove nothing where one pod does not say it', async () => {
      const { ask } = world((question) =>
        from('10.0.0.2')(question) ? { type: 'NoAnswer', message: 'closed' } : withDigest('sha256:1'),
      )
      expect((await createProber(ask).runGates(runGates(asked))).results).toMatchObject([
        { result: 'Unknown', target: 'pod-b' },
      ])
    })

    test('leave a server alone that never says it', async () => {
      const { ask } = world(() => answered())
      expect((await createProber(ask).runGates(runGates(asked))).results).toEqual([])
    })
  })

  test('take no digest from an answer that proves nothing', async () => {
    const { ask } = world(() =>
      answered({ headers: { 'x-modelrelease-revision': 'old', 'x-model-digest': 'sha256:9' } }),
    )
    expect(await createProber(ask).runGates(runGates())).not.toHaveProperty('digest')
  })

  test('need no identity where the revision is not asked for', async () => {
    const { ask } = world(() => answered({ headers: {} }))
    const step = runGates()
    delete step.expectRevision
    expect((await createProber(ask).runGates(step)).results).toMatchObject([{ result: 'Passed' }])
  })

  test('show no header value that the server echoes', async () => {
    const { ask } = world((question) => answered({ status: 401, body: JSON.stringify(question.headers) }))
    const request = {
      method: 'GET',
      path: '/',
      headers: [{ name: 'authorization', value: 'Bearer 12345678' }],
    } as const
    const gates = [gate('known', { request: { ...request, headers: [...request.headers] } })]
    expect(JSON.stringify(await createProber(ask).runGates(runGates({ gates })))).not.toContain('12345678')
  })

  test('ask one target in sequence and at most eight targets at once, each gate of each', async () => {
    const atOnce = new Map<string, number>()
    let most = 0
    const total: string[] = []
    const ask: HttpProbe = async ({ url }) => {
      const { hostname } = new URL(url)
      atOnce.set(hostname, (atOnce.get(hostname) ?? 0) + 1)
      expect(atOnce.get(hostname)).toBe(1)
      most = Math.max(most, atOnce.size)
      total.push(url)
      await new Promise(setImmediate)
      atOnce.delete(hostname)
      return answered()
    }
    const pods = Array.from({ length: 20 }, (_, i) => ({ name: `pod-${i}`, origin: `http://10.0.1.${i}:80` }))
    const ran = await createProber(ask).runGates(runGates({ pods, gates: [gate('a'), gate('b')] }))
    expect(ran.results).toMatchObject([{ result: 'Passed' }, { result: 'Passed' }])
    expect(new Set(total).size).toBe(42)
    expect(most).toBe(8)
  })
})

describe('a verification', () => {
  const step: Extract<Action, { type: 'Verify' }> = {
    type: 'Verify',
    field: 'spec.traffic.cloudFrontDistribution.verify',
    target: { name: 'https://models.example.com/predict', origin: 'https://models.example.com' },
    request: { method: 'POST', path: '/predict', json: { rows: [] } },
    consecutive: 3,
    revision: 'new',
    identity: 'Headers',
  }

  test('is New when all answers in a row come from the new revision', async () => {
    const { ask, asked } = world(() => answered())
    expect(await createProber(ask).verify(step)).toEqual({ type: 'Verified', result: { type: 'New' } })
    expect(asked).toHaveLength(3)
    expect(asked[0]).toEqual({
      url: 'https://models.example.com/predict',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"rows":[]}',
      timeoutMs: 10_000,
      to: 'Named',
    })
  })

  test.each<[string, ProbeAnswer]>([
    ['Old', answered({ headers: { 'x-modelrelease-revision': 'old' } })],
    ['Wrong', answered({ body: '{"rows":[1]}' })],
    ['Unknown', { type: 'NoAnswer', message: 'timeout' }],
  ])('stops at the first answer that is %s', async (type, answer) => {
    const { ask, asked } = world((_, nth) => (nth === 2 ? answer : answered()))
    const expectation = { status: 200, json: [{ path: '$', equals: {} }] }
    expect(await createProber(ask).verify({ ...step, expect: expectation })).toMatchObject({
      result: { type },
    })
    expect(asked).toHaveLength(2)
  })

  test('waits as long as a slow answer is allowed to take', async () => {
    const { ask, asked } = world(() => answered())
    await createProber(ask).verify({ ...step, expect: { status: 200, maxLatencyMilliseconds: 25_000 } })
    expect(asked[0]).toMatchObject({ timeoutMs: 25_000 })
  })
})
