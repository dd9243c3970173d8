/** After a downgrade the status is of a newer operator: what this one does not know in it moves nobody, and nothing is lost by it. */
import { describe, expect, test } from '@jest/globals'
import { inKnownWords } from '../../planner/state/newer-words.ts'
import { fromStatus } from '../../planner/state/persisted-state.ts'
import type { Status } from '../../api/release.ts'
import type { SimulatedWorld } from '../fakes/simulated-world.ts'
import { run, type Act, type Ran, type Story } from './simulation.ts'
import { STORIES } from './stories.ts'

type Attempt = NonNullable<Status['attempt']>

/** Played up to the last act's end, and with one more act at a moment. */
function interrupted(name: string, act: Act, ...more: Act[]): Story {
  const story = STORIES[name]
  const first = story?.acts[0]
  if (!story || !first) throw new Error(`no story ${name} that does anything`)
  return { ...story, acts: [first, act, ...more] }
}

type Moment = (world: SimulatedWorld) => boolean

/** An older operator takes over, and finds this of the attempt. */
function foundIn(attempt: Partial<Record<keyof Attempt, string>>, when: Moment): Act {
  return {
    tell: 'an older operator takes over',
    when,
    do: (world) => {
      const { attempt: known } = world.status ?? {}
      if (!known || known.outcome) throw new Error('the moment never came')
      world.status = { ...world.status, attempt: { ...known, ...attempt } as Attempt }
    },
  }
}

const isSecond: Moment = ({ status }) => status?.history?.length === 1
const BUILDING = {
  story: 'promote',
  when: (world: SimulatedWorld) => isSecond(world) && world.status?.phase === 'Building',
  users: /^(version 1,?)+$/,
}
const MOMENTS: Record<string, { story: string; when: Moment; users: RegExp }> = {
  'while it builds': BUILDING,
  'while edges follow to it': {
    story: 'promote',
    when: (world) => isSecond(world) && world.pointer.due.length > 0,
    users: /^(version 2,?)+$/,
  },
  'while nobody answers its verification': {
    story: 'verify-silent',
    when: (world) => isSecond(world) && world.status?.phase === 'Verifying',
    users: /^(version 2,?)+$/,
  },
  'with a share of the clients at it': {
    story: 'canary',
    when: ({ status }) => status?.traffic?.canary?.weight === 10,
    users: /^(version [12],?)+$/,
  },
}
const UNKNOWN: Record<string, Partial<Record<keyof Attempt, string>>> = {
  'a direction': { direction: 'Sideways' },
  'an outcome': { outcome: 'Parked', reason: 'ParkedByNight' },
}
const CASES = Object.entries(MOMENTS).flatMap(([moment, one]) =>
  Object.entries(UNKNOWN).map(([word, attempt]) => ({
    title: `${word} that is not known, ${moment}`,
    attempt,
    ...one,
  })),
)

function users({ world }: Ran): string {
  return world.userAnswers().join()
}

describe('an attempt that is not understood', () => {
  test.each(CASES)('$title: users stay where they are', async ({ story, attempt, when, users: where }) => {
    const takenOver = foundIn(attempt, when)
    let pointer: unknown
    const act: Act = {
      ...takenOver,
      do: (world) => {
        takenOver.do(world)
        pointer = structuredClone(world.pointer.targets)
      },
    }
    const ran = await run(interrupted(story, act))
    expect(ran.violations).toEqual([])
    expect(pointer).toBeDefined()
    expect(ran.world.pointer.targets).toEqual(pointer)
    expect(users(ran)).toMatch(where)
    const { attempt: left, conditions = [], history = [] } = ran.world.status ?? {}
    expect([left?.direction, left?.outcome]).toEqual(['Forward', 'Aborted'])
    const stalled = conditions.find(({ type }) => type === 'Stalled')
    expect(stalled?.reason).toBe('UnknownAttempt')
    expect(stalled?.message).toMatch(/^status\.attempt\.(direction|outcome) is "(Sideways|Parked)".*retry/)
    expect(history[0]).toMatchObject({ outcome: 'Aborted', reason: 'UnknownAttempt' })
  })

  test('is tried again by a person, and then promoted', async () => {
    const { story, when } = BUILDING
    const retry: Act = { tell: 'retry', do: (world) => world.command('retry', '1') }
    const ran = await run(interrupted(story, foundIn({ direction: 'Sideways' }, when), retry))
    expect(ran.violations).toEqual([])
    expect(ran.world.status?.attempt?.outcome).toBe('Promoted')
    expect(users(ran)).toMatch(/^(version 2,?)+$/)
  })
})

describe('fields that are not known', () => {
  /** One more field in every object of the status. */
  function grown<T>(value: T): T {
    if (Array.isArray(value)) return value.map(grown) as T
    if (typeof value !== 'object' || value === null) return value
    return {
      ...Object.fromEntries(Object.entries(value).map(([key, one]) => [key, grown(one)])),
      newer: 'x',
    } as T
  }

  test.each(Object.entries(MOMENTS))('change nothing: found %s', async (_, { story, when }) => {
    const takesOver = (change: (status: Status) => Status): Act => ({
      tell: 'an older operator takes over',
      when,
      do: (world) => {
        world.status = change(world.status ?? {})
      },
    })
    const found = await run(interrupted(story, takesOver(grown)))
    expect(found.violations).toEqual([])
    expect(found.transcript).toBe(
      (
        await run(
          interrupted(
            story,
            takesOver((status) => status),
          ),
        )
      ).transcript,
    )
    // What says which attempt it belongs to is carried as it was; whatever else would be about something that has gone on without it.
    expect(found.world.status?.history?.at(-1)).toHaveProperty('newer')
    expect(found.world.status).not.toHaveProperty('newer')
  })
})

describe('other words that are not known', () => {
  const NOW = Date.parse('2026-01-01T00:00:00Z')
  const ENDED = { attempt: 'a', revision: 'r', endedAt: '2026-01-01T00:00:00Z' }
  const known = (status: unknown) => inKnownWords(fromStatus(status as Status), NOW)

  test('of gates are asked again', () => {
    const gates = { key: 'a', result: 'Passed', pods: [] }
    expect(known({ gates }).gates).toEqual(gates)
    expect(known({ gates: { ...gates, result: 'Mostly' } }).gates).toBeUndefined()
    expect(known({ gates: { ...gates, results: [{ name: 'g', result: 'Mostly' }] } }).gates).toBeUndefined()
  })

  test('of the history are left out, as the API server would refuse the whole of it', () => {
    const history = ['Promoted', 'Parked', 'Failed'].map((outcome) => ({ ...ENDED, outcome }))
    expect(known({ history }).history.map(({ outcome }) => outcome)).toEqual(['Promoted', 'Failed'])
  })

  test('of a command do not have it taken once more', () => {
    const command = { value: 'abort/a/1', result: 'Delegated', message: 'm', taken: ['abort/a/1'] }
    expect(known({ command }).command).toEqual({ ...command, result: 'NothingToDo' })
  })

  test.each([
    ['Promoted', 'Forward'],
    ['RolledBack', 'Back'],
  ])('of an attempt that ended as %s leave it ended', (outcome, direction) => {
    const attempt = { id: 'a', revision: 'r', direction: 'Sideways', outcome }
    expect(known({ attempt }).attempt).toEqual({ ...attempt, direction })
    expect(known({ attempt }).history).toEqual([])
  })
})
