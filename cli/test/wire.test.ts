/** The program against an API server on a real socket. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Attempt, Status } from '../../operator/api/release.ts'
import { cli, COLLECTION, forbidden, ReleaseServer, startCli } from './release-server.ts'

let server: ReleaseServer
beforeEach(async () => {
  server = await new ReleaseServer().start()
})
afterEach(() => server.stop())

const folder = mkdtempSync(join(tmpdir(), 'modelrelease-cli-'))

function file(version: string, changes: object = {}): string {
  const path = join(folder, `housing-${version}.json`)
  const spec = {
    model: { name: 'housing', version, uri: `https://models.example.com/${version}.onnx` },
    gates: [
      {
        name: 'a-known-house',
        smoke: {
          request: { method: 'POST', path: '/predict', json: { RM: 6.5 } },
          expect: { json: [{ path: '$.prediction[0]', equals: 26.9, absoluteTolerance: 0.01 }] },
        },
      },
    ],
  }
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: 'modelrelease.io/v1alpha1',
      kind: 'ModelRelease',
      metadata: { name: 'housing' },
      spec,
      ...changes,
    }),
  )
  return path
}

const condition = (
  type: string,
  status: 'True' | 'False',
  reason: string,
  message: string,
  observedGeneration: number,
) => ({
  type,
  status,
  reason,
  message,
  observedGeneration,
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

function attemptAt(generation: number, changes: Partial<Attempt> = {}): Attempt {
  return {
    id: `r${generation}-g`,
    revision: `r${generation}`,
    startedAt: '2026-01-01T00:00:00Z',
    deadline: '2026-01-01T00:10:00Z',
    direction: 'Forward',
    ...changes,
  }
}

const building = (generation: number, message = 'green: 0 of 2 pods ready'): Status => ({
  observedGeneration: generation,
  phase: 'Building',
  attempt: attemptAt(generation),
  conditions: [
    condition('Ready', 'False', 'Progressing', message, generation),
    condition('Reconciling', 'True', 'CandidateNotAvailable', message, generation),
  ],
})

const promoted = (generation: number): Status => ({
  observedGeneration: generation,
  phase: 'Live',
  liveColor: 'green',
  liveRevision: `r${generation}`,
  attempt: attemptAt(generation, { outcome: 'Promoted', reason: 'Promoted' }),
  conditions: [condition('Ready', 'True', 'Promoted', `revision r${generation} is live`, generation)],
  history: [
    {
      attempt: `r${generation}-g`,
      revision: `r${generation}`,
      outcome: 'Promoted',
      endedAt: '2026-01-01T00:01:00Z',
    },
  ],
})

const failed = (generation: number): Status => ({
  observedGeneration: generation,
  phase: 'Failed',
  liveColor: 'blue',
  liveRevision: 'r0',
  attempt: attemptAt(generation, {
    outcome: 'Failed',
    reason: 'GateFailed',
    message: 'gate a-known-house failed',
    logs: 'housing-green-abc/server:\nlistening\npredicted 99',
  }),
  gates: {
    key: `r${generation}-g`,
    result: 'Failed',
    pods: ['housing-green-abc'],
    results: [
      {
        name: 'a-known-house',
        result: 'Failed',
        target: 'housing-green-abc',
        message: '$.prediction[0] is 99, wanted 26.9',
      },
    ],
  },
  conditions: [
    condition('Serving', 'True', 'LiveColorReady', 'blue answers users', generation),
    condition('Ready', 'False', 'Failed', 'gate a-known-house failed', generation),
    condition(
      'Stalled',
      'True',
      'GateFailed',
      'gate a-known-house failed; correct what answers, or the gate in spec.gates, or try it again: kubectl -n models annotate mr housing',
      generation,
    ),
  ],
})

describe('apply --wait', () => {
  test('a first release, told line by line', async () => {
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'])
    await run.until('Waiting: ')
    server.status('housing', building(1))
    await run.until('CandidateNotAvailable: green: 0 of 2 pods ready')
    server.status('housing', promoted(1))
    expect(await run.code).toBe(0)
    expect(run.out()).toMatch(/^modelrelease\.modelrelease\.io\/housing created\n/)
    expect(run.out()).toMatch(/\n +0:0\d {2}users are led to green, revision r1\n/)
    expect(run.out()).toMatch(/\nPromoted after 0:0\d: revision r1 is live \(attempt r1-g\)\n$/)
  })

  test('the success of the release before is not believed', async () => {
    await cli(server, ['apply', '-f', file('1')])
    server.status('housing', promoted(1))
    const run = startCli(server, ['apply', '-f', file('2'), '--wait'])
    await run.until('the operator has not looked at this spec yet')
    server.status('housing', failed(2))
    expect(await run.code).toBe(1)
  })

  test('a failure: the request, expected and actual, last words, what to do', async () => {
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'])
    await run.until('Waiting: ')
    server.status('housing', failed(1))
    expect(await run.code).toBe(1)
    const told = run
      .out()
      .slice(run.out().indexOf('Failed after'))
      .replace(/after \d+:\d\d/, 'after 0:00')
    expect(told.split('\n')).toEqual([
      'Failed after 0:00: attempt r1-g ended as Failed (GateFailed: gate a-known-house failed)',
      'gates:',
      '  a-known-house: wrong answer of housing-green-abc',
      '    request:  POST /predict {"RM":6.5}',
      '    expected: status 200, $.prediction[0] = 26.9 ± 0.01',
      '    actual:   $.prediction[0] is 99, wanted 26.9',
      'the candidate said last:',
      '  housing-green-abc/server:',
      '  listening',
      '  predicted 99',
      'users:',
      '  blue answers users (blue, revision r0)',
      'what to do:',
      '  correct what answers, or the gate in spec.gates',
      '  try the same spec again: kubectl modelrelease retry housing -n models',
      '',
    ])
  })

  test('a failure: what looks like a credential is not printed', async () => {
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'])
    await run.until('Waiting: ')
    const status = failed(1)
    const logs = 'a/server:\nPASSWORD=hunter2\nGET https://jane:pw@models.example.com 401'
    server.status('housing', { ...status, attempt: { ...attemptAt(1), ...status.attempt, logs } })
    expect(await run.code).toBe(1)
    expect(run.out()).toContain('  PASSWORD=(hidden)\n  GET https://(hidden)@models.example.com 401\n')
    expect(run.out()).not.toMatch(/hunter2|jane/)
  })

  test('unchanged: what is live is live, what failed has failed', async () => {
    await cli(server, ['apply', '-f', file('1')])
    server.status('housing', promoted(1))
    const live = await cli(server, ['apply', '-f', file('1'), '--wait'])
    expect(live).toMatchObject({ code: 0 })
    expect(live.out).toContain('housing unchanged\n')
    expect(live.out).toContain('nothing had changed')
    server.status('housing', failed(1))
    expect(await cli(server, ['apply', '-f', file('1'), '--wait'])).toMatchObject({ code: 1 })
  })

  test('another apply takes its place', async () => {
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'])
    await run.until('Waiting: ')
    server.status('housing', building(1))
    await run.until('CandidateNotAvailable')
    await cli(server, ['apply', '-f', file('2')])
    server.status('housing', promoted(2))
    expect(await run.code).toBe(1)
    expect(run.out()).toContain('Superseded after')
  })

  test('the API server goes away and comes back, the release goes on meanwhile', async () => {
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'])
    await run.until('Waiting: ')
    server.status('housing', building(1))
    await run.until('CandidateNotAvailable')
    await server.shut()
    await run.until('the API server does not answer, trying again: connect ECONNREFUSED')
    server.status('housing', promoted(1))
    await server.open()
    expect(await run.code).toBe(0)
  })

  test('the API server is away when the apply is sent', async () => {
    await server.shut()
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'])
    await new Promise((resolve) => setTimeout(resolve, 300))
    await server.open()
    await run.until('Waiting: ')
    server.status('housing', promoted(1))
    expect(await run.code).toBe(0)
    expect(run.err()).toContain('the API server does not answer, trying again')
  })

  test('an apply whose answer is lost is sent again, and is still known to have changed something', async () => {
    let isLost = false
    server.refuse = ({ method, query }) => {
      if (method !== 'PATCH' || query.get('dryRun') === 'All' || isLost) return undefined
      isLost = true
      server.refuse = () => undefined
      server.fake.put(COLLECTION, {
        metadata: { name: 'housing', namespace: 'models', generation: 1 },
        spec: {},
      })
      return { status: 504, body: 'gateway timeout' }
    }
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'])
    await run.until('Waiting: ')
    expect(run.out()).toContain('housing created\n')
    run.interrupt()
    expect(await run.code).toBe(130)
    expect(run.out()).toContain('kubectl modelrelease status housing --watch -n models')
  })

  test('nothing decided in time', async () => {
    const { code, out } = await cli(server, ['apply', '-f', file('1'), '--wait', '--timeout', '1s'])
    expect(code).toBe(2)
    expect(out).toMatch(/TimedOut after 0:01: nothing was decided within 1 s: the operator has not looked/)
  })

  test('refused by the API server, forbidden, and not YAML: nothing was done', async () => {
    server.refuse = ({ method }) => (method === 'PATCH' ? forbidden('you may not') : undefined)
    expect(await cli(server, ['apply', '-f', file('1'), '--wait'])).toMatchObject({
      code: 3,
      err: 'error: you may not\n',
    })
    expect(await cli(server, ['apply', '-f', join(folder, 'none.yaml')])).toMatchObject({ code: 3 })
    expect(
      await cli(server, ['apply', '-f', '-'], {
        readStdin: () => Promise.resolve('kind: Pod\napiVersion: v1'),
      }),
    ).toMatchObject({ code: 3 })
    expect(await cli(server, ['apply'])).toMatchObject({ code: 3 })
  })

  test('one line a minute while nothing happens, by a clock that is the program’s own', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z')
    const sleeps: (() => void)[] = []
    const run = startCli(server, ['apply', '-f', file('1'), '--wait'], {
      now: () => now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve())
          if (ms > 50_000) sleeps.push(resolve)
        }),
    })
    await run.until('Waiting: ')
    while (sleeps.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    now += 60_000
    sleeps.at(-1)?.()
    await run.until(' 1:00  still Waiting: ')
    run.interrupt()
    expect(await run.code).toBe(130)
  })
})

describe('status', () => {
  test('--watch ends like apply --wait; of nothing, with 3', async () => {
    expect(await cli(server, ['status', 'housing', '--watch'])).toMatchObject({ code: 3 })
    await cli(server, ['apply', '-f', file('1')])
    const run = startCli(server, ['status', 'mr/housing', '--watch=true'])
    await run.until('Waiting')
    server.status('housing', promoted(1))
    expect(await run.code).toBe(0)
  })

  test('deleted while it is watched', async () => {
    await cli(server, ['apply', '-f', file('1')])
    const run = startCli(server, ['status', 'housing', '-w'])
    await run.until('Waiting')
    server.fake.delete(`${COLLECTION}/housing`)
    expect(await run.code).toBe(3)
    expect(run.out()).toContain('Deleted after')
  })

  test('who may not watch polls', async () => {
    await cli(server, ['apply', '-f', file('1')])
    server.refuse = ({ query }) => (query.get('watch') === 'true' ? forbidden('no watch') : undefined)
    const run = startCli(server, ['status', 'housing', '-w'])
    await run.until('Waiting')
    server.status('housing', promoted(1))
    expect(await run.code).toBe(0)
  })

  test('in words and as an object', async () => {
    await cli(server, ['apply', '-f', file('1')])
    server.status('housing', failed(1))
    expect((await cli(server, ['status', 'housing'])).out).toMatch(/^models\/housing: Failed\n/)
    expect(JSON.parse((await cli(server, ['status', 'housing', '-o=json'])).out)).toEqual(failed(1))
    expect((await cli(server, ['history', 'housing'])).out).toMatch(/^ATTEMPT +REVISION/)
  })

  test.each([
    [['--kubeconfig', 'x', '-n', 'models', 'status', 'housing'], 'models'],
    [['-n', 'other', 'status', 'housing'], 'other'],
    [['-n', 'models', '--context', 'one', 'status', 'housing', '-n', 'other'], 'other'],
  ])('%j asks in the namespace that is named last', async (argv, namespace) => {
    const paths: string[] = []
    server.refuse = ({ path }) => {
      paths.push(path)
      return undefined
    }
    await cli(
      server,
      argv.map((word) => (word === 'x' ? server.kubeconfig : word)),
    )
    expect(paths).toEqual([`/apis/modelrelease.io/v1alpha1/namespaces/${namespace}/modelreleases/housing`])
  })

  test('the live view is drawn in one piece, fits the screen, and leaves its story behind', async () => {
    await cli(server, ['apply', '-f', file('1')])
    const size = { isTTY: true, columns: 60, rows: 12 }
    const writes: string[] = []
    let resized: () => void = () => undefined
    const run = startCli(server, ['status', 'housing', '-w'], {
      stdout: {
        ...size,
        write: (text) => writes.push(text),
        on: (_, listener) => (resized = listener),
      },
    })
    const drawn = async (text: string): Promise<void> => {
      while (!writes.some((one) => one.includes(text))) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await drawn('models/housing  Waiting')
    server.status('housing', building(1))
    await drawn('models/housing  Building')
    resized()
    server.status('housing', promoted(1))
    expect(await run.code).toBe(0)
    const frames = writes.filter((one) => one.startsWith('\u001B[?2026h'))
    for (const frame of frames) {
      const lines = frame.split('\r\n').map((line) => line.replaceAll(/\u001B\[[?0-9]*[a-zA-Z]/g, ''))
      expect(lines.length).toBeLessThan(size.rows)
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(size.columns)
    }
    const left = writes.findIndex((one) => one.includes('\u001B[?1049l'))
    expect(left).toBeGreaterThan(0)
    expect(writes.slice(left).join('')).toMatch(/users are led to green[^]*Promoted after/)
  })
})

describe('commands', () => {
  const taken = (result: 'Accepted' | 'Refused'): void => {
    const value = String(server.release('housing')?.metadata.annotations?.['modelrelease.io/command'])
    server.status('housing', { ...failed(1), command: { value, result, message: 'so it is' } })
  }

  test.each([
    ['Accepted', 0, 'housing: retry accepted: so it is\n'],
    ['Refused', 1, 'housing: retry refused: so it is\n'],
  ] as const)('%s', async (result, code, out) => {
    await cli(server, ['apply', '-f', file('1')])
    server.status('housing', failed(1))
    const run = startCli(server, ['retry', 'housing'])
    while (!server.release('housing')?.metadata.annotations)
      await new Promise((resolve) => setTimeout(resolve, 5))
    expect(server.release('housing')?.metadata.annotations?.['modelrelease.io/command']).toMatch(
      /^retry\/r1-g\/[0-9a-f]{8}$/,
    )
    taken(result)
    expect(await run.code).toBe(code)
    expect(run.out()).toBe(out)
  })

  test('not taken in time, and without an attempt', async () => {
    await cli(server, ['apply', '-f', file('1')])
    expect(await cli(server, ['abort', 'housing'])).toMatchObject({ code: 3 })
    server.status('housing', building(1))
    expect(await cli(server, ['abort', 'housing', '--timeout', '500ms'])).toMatchObject({ code: 2 })
  })
})

test('logs of both colors, each line with its color and pod', async () => {
  await cli(server, ['apply', '-f', file('1')])
  for (const color of ['blue', 'green']) {
    const name = `housing-${color}-abc`
    server.fake.put('/api/v1/namespaces/models/pods', {
      metadata: {
        name,
        namespace: 'models',
        labels: { 'modelrelease.io/name': 'housing', 'modelrelease.io/color': color },
      },
      spec: { containers: [{ name: 'server' }] },
    })
    server.fake.logs.set(`/api/v1/namespaces/models/pods/${name}/server`, `I am ${color}\nstill\n`)
  }
  const { out } = await cli(server, ['logs', 'housing'])
  expect(out.trimEnd().split('\n').toSorted()).toEqual([
    '[blue housing-blue-abc] I am blue',
    '[blue housing-blue-abc] still',
    '[green housing-green-abc] I am green',
    '[green housing-green-abc] still',
  ])
  expect((await cli(server, ['logs', 'housing', '--color', 'green', '--no-prefix'])).out).toBe(
    'I am green\nstill\n',
  )
})

describe('before anything is applied', () => {
  test('plan says what would happen, and changes nothing', async () => {
    const { code, out, err } = await cli(server, ['plan', '-f', file('1')])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^models\/housing: a first release, revision [0-9a-f]{10}\n/)
    expect(out).toContain('  - build blue: 1 pods of revision ')
    expect(out).toContain('  - ask a-known-house of 1 pods and through the Service\n')
    expect(out).toContain('  - move the pointer to blue (blue)\n')
    expect(out).toMatch(/takes at least 0:1\d \(Switching 0:1\d\)/)
    expect(out).toContain('cannot be undone: nothing served before')
    expect(server.release('housing')).toBeUndefined()
    const writes = server.fake.seen.filter(
      ({ method, query }) => method !== 'GET' && query.get('dryRun') !== 'All',
    )
    expect(writes).toEqual([])
  })

  test('diff is empty for what is there, and exits with 1 for what is not', async () => {
    await cli(server, ['apply', '-f', file('1')])
    expect(await cli(server, ['diff', '-f', file('1')])).toEqual({ code: 0, out: '', err: '' })
    const { code, out } = await cli(server, ['diff', '-f', file('2')])
    expect(code).toBe(1)
    expect(out).toContain('\n-    uri: https://models.example.com/1.onnx\n')
    expect(out).toContain('\n+    uri: https://models.example.com/2.onnx\n')
  })
})
