import { describe, expect, test } from '@jest/globals'
import { housing } from '../../test/fakes/simulated-world.ts'
import { attemptAt, commanded, holding, pointingAt, promotedWorld } from '../../test/fakes/worlds.ts'
import type { Status } from '../../api/release.ts'
import { without } from '../state/persisted-state.ts'
import { plan } from '../plan.ts'
import { attemptIdOf, revisionOf } from '../model/revision.ts'
import type { ColorState, Observation } from '../model/observation.ts'

const id = attemptIdOf(housing(2))
const BUILDING = { liveColor: 'green', attempt: attemptAt(housing(2)) } as const
const SWITCHED = { attempt: attemptAt(housing(2)) }
const RETURNING = { attempt: attemptAt(housing(2), { direction: 'Back', reason: 'Undone' }) }

const worlds = {
  'promoted, the old color warm': promotedWorld(),
  'promoted, the old color gone': withColors(promotedWorld(), { green: { pods: [] } }),
  'promoted, the old color ill': withColors(promotedWorld(), { green: holding(housing(1), 'green', 'No') }),
  'promoted, one pod of the old color ill': withColors(promotedWorld(), { green: oneIll() }),
  'switched, the old color ill': withColors(
    promotedWorld({ status: SWITCHED, pointer: pointingAt('housing-blue', 'No') }),
    { green: holding(housing(1), 'green', 'No') },
  ),
  building: promotedWorld({ status: BUILDING, pointer: pointingAt('housing-green') }),
  'switched, not verified': promotedWorld({ status: SWITCHED, pointer: pointingAt('housing-blue', 'No') }),
  'switched, the old color never proven': promotedWorld({
    status: {
      ...SWITCHED,
      history: [
        {
          attempt: attemptIdOf(housing(1)),
          revision: revisionOf(housing(1)),
          outcome: 'Superseded',
          reason: 'SpecChanged',
          endedAt: '2026-01-01T00:00:00Z',
        },
      ],
    },
    pointer: pointingAt('housing-blue', 'No'),
  }),
  'switched, pointer out of reach': promotedWorld({
    status: SWITCHED,
    pointer: { type: 'Unreachable', message: 'no answer' },
  }),
  returning: promotedWorld({ status: RETURNING }),
  'returning, but nothing to return to': withColors(promotedWorld({ status: RETURNING }), {
    green: { pods: [] },
  }),
  failed: promotedWorld({ attempt: { outcome: 'Failed' }, pointer: pointingAt('housing-green') }),
  'rolled back': promotedWorld({
    attempt: { outcome: 'RolledBack', direction: 'Back' },
    pointer: pointingAt('housing-green'),
  }),
}

function withColors(observation: Observation, colors: Partial<Observation['colors']>): Observation {
  return { ...observation, colors: { ...observation.colors, ...colors } }
}

function oneIll(): ColorState {
  const color = holding(housing(1), 'green')
  return { ...color, pods: color.pods.map((pod, index) => (index === 0 ? { ...pod, ready: 'No' } : pod)) }
}

type Case = [keyof typeof worlds, string, 'Accepted' | 'Pending' | 'Refused' | 'NothingToDo', string]

const cases: Case[] = [
  ['promoted, the old color warm', 'undo', 'Accepted', 'green'],
  ['promoted, the old color warm', 'abort', 'NothingToDo', 'ended already'],
  ['promoted, the old color warm', 'retry', 'NothingToDo', 'was promoted'],
  ['promoted, the old color gone', 'undo', 'Refused', 'there is no Deployment'],
  ['promoted, the old color ill', 'undo', 'Pending', '0 of 2 pods ready'],
  ['promoted, one pod of the old color ill', 'undo', 'Accepted', 'small: not all of its 2 pods are ready'],
  ['switched, the old color ill', 'abort', 'Pending', '0 of 2 pods ready'],
  ['building', 'undo', 'Refused', 'is running: abort it'],
  ['building', 'abort', 'Accepted', 'the candidate is removed'],
  ['building', 'retry', 'NothingToDo', 'is running'],
  ['switched, not verified', 'abort', 'Accepted', 'the pointer goes back'],
  ['switched, the old color never proven', 'abort', 'Refused', 'never seen to answer users'],
  ['switched, pointer out of reach', 'abort', 'Accepted', 'the pointer goes back'],
  ['returning', 'abort', 'NothingToDo', 'on its way back'],
  ['returning', 'undo', 'NothingToDo', 'on its way back'],
  ['returning', 'retry', 'NothingToDo', 'is running'],
  ['returning, but nothing to return to', 'retry', 'Accepted', 'starts again'],
  ['failed', 'retry', 'Accepted', 'starts again'],
  ['failed', 'undo', 'Refused', 'ended as Failed'],
  ['failed', 'abort', 'NothingToDo', 'ended already'],
  ['rolled back', 'retry', 'Accepted', 'starts again'],
  ['rolled back', 'undo', 'NothingToDo', 'there already'],
]

describe('a command', () => {
  test.each(cases)('%s: %s is %s (%s)', (name, verb, result, message) => {
    const { rule, status } = plan(commanded(worlds[name], `${verb}/${id}/1`))
    expect(rule).toBe('commandGiven')
    expect(status.command).toMatchObject({ value: `${verb}/${id}/1`, result })
    expect(status.command?.message).toContain(message)
  })

  test.each(['undo', 'undo/', `undo/${id}`, `promote/${id}/1`, `toString/${id}/1`, '', 'x'.repeat(500)])(
    'that reads "%s" is refused and says how to write one',
    (value) => {
      const { status } = plan(commanded(promotedWorld(), value))
      expect(status.command).toMatchObject({ value: value.slice(0, 200), result: 'Refused' })
      expect(status.command?.message).toContain('abort, retry, undo')
    },
  )

  test('for another attempt is refused', () => {
    const { status } = plan(commanded(promotedWorld(), 'undo/old-attempt/1'))
    expect(status.command?.message).toContain(`names attempt old-attempt, but the attempt is ${id} now`)
  })

  test.each([`undo/${id}/1`, 'x'.repeat(500)])('is taken once: %s', (value) => {
    const observation = commanded(promotedWorld(), value)
    const taken = {
      ...observation.release.status,
      command: { value: value.slice(0, 200), result: 'Refused' as const, message: '' },
    }
    expect(plan({ ...observation, release: { ...observation.release, status: taken } }).rule).not.toBe(
      'commandGiven',
    )
  })

  describe('that was taken before', () => {
    const taken = (value: string, command: object): ReturnType<typeof plan> => {
      const observation = commanded(promotedWorld(), value)
      const status = { ...observation.release.status, command: command as Status['command'] }
      return plan({ ...observation, release: { ...observation.release, status: status as Status } })
    }
    const last = { value: `retry/${id}/2`, result: 'Accepted', message: '' }

    test('is refused when it is written once more, with the command that would repeat it', () => {
      const value = `undo/${id}/1`
      const { rule, status } = taken(value, { ...last, taken: [last.value, value] })
      expect(rule).toBe('commandGiven')
      expect(status.command).toMatchObject({ value, result: 'Refused', taken: [last.value, value] })
      expect(status.command?.message).toContain(`modelrelease.io/command=undo/${id}/$(date +%s)`)
      expect(status.attempt).toMatchObject({ direction: 'Forward', outcome: 'Promoted' })
    })

    test('does not stand in the way of another verb with the same nonce, nor of another nonce', () => {
      for (const value of [`undo/${id}/2`, `undo/${id}/3`]) {
        const { status } = taken(value, { ...last, taken: [last.value, `undo/${id}/1`] })
        expect(status.command).toMatchObject({ value, result: 'Accepted' })
        expect(status.command?.taken).toEqual([value, last.value, `undo/${id}/1`])
      }
    })

    test('is known from the status of an earlier version, which kept the last one', () => {
      expect(taken(`undo/${id}/3`, last).status.command?.taken).toEqual([`undo/${id}/3`, last.value])
    })

    test('is kept with the last twenty', () => {
      const many = Array.from({ length: 20 }, (_, index) => `retry/${id}/${index}`)
      const { status } = taken(`undo/${id}/1`, { ...last, taken: many })
      expect(status.command?.taken).toEqual([`undo/${id}/1`, ...many.slice(0, 19)])
    })

    test('counts only if it was taken: what was refused may be meant later', () => {
      const value = `undo/${id}/1`
      const refused = { value: `undo/${id}/x`, result: 'Refused', message: '' }
      const { status } = taken(value, refused)
      expect(status.command).toMatchObject({ result: 'Accepted', taken: [value] })
    })
  })

  test('before there is an attempt waits for it', () => {
    const observation = commanded(promotedWorld(), `undo/${id}/1`)
    expect(plan({ ...observation, release: without(observation.release, 'status') }).rule).toBe('specChanged')
  })
})
