import { describe, expect, test } from '@jest/globals'
import { COLORS, type Color } from '../../api/names.ts'
import { promotedWorld } from '../../test/fakes/worlds.ts'
import { without } from '../state/persisted-state.ts'
import { plan } from '../plan.ts'
import type { ColorState, Action, Observation } from '../model/observation.ts'

const { colors, ...rest } = promotedWorld()
const observation: Observation = {
  ...rest,
  colors: { blue: without(colors.blue, 'budgetsUnknown'), green: without(colors.green, 'budgetsUnknown') },
}
const BUDGET = { ownership: 'Free' } as const

/** The world with other facts about the color that serves. */
function withLive(facts: Partial<ColorState>, base: Observation = observation): Observation {
  const live: Color = base.release.status?.liveColor ?? 'blue'
  return { ...base, colors: { ...base.colors, [live]: { ...base.colors[live], ...facts } } }
}

function stepIn(seen: Observation): Action | undefined {
  return plan(seen).action
}

function warningIn(seen: Observation): { reason: string; message: string } | undefined {
  return plan(seen).status.conditions?.find(({ type }) => type === 'Warned')
}

describe('the color that serves', () => {
  const color = observation.release.status?.liveColor ?? 'blue'
  const apply = { type: 'ApplyBudget', color, ownership: 'Free' }

  test.each<[string, Partial<ColorState>, object | undefined]>([
    ['gets a budget', {}, apply],
    ['has one', { budget: BUDGET }, undefined],
    [
      'has one that somebody edited',
      { budget: { ...BUDGET, differs: 'x' } },
      { ...apply, differs: expect.stringMatching(/: x$/) },
    ],
    ['has one that would go with the release, and it stays', { budget: { ownership: 'Owned' } }, apply],
    ['has one of its user', { otherBudgets: [{ name: 'web', counts: 'Color' }] }, undefined],
    [
      'has one of its user and ours',
      { budget: BUDGET, otherBudgets: [{ name: 'web', counts: 'Color' }] },
      { type: 'RemoveBudget', color },
    ],
    ['is left alone while it is not known which there are', { budgetsUnknown: 'no' }, undefined],
  ])('%s', (_what, facts, step) => {
    expect(stepIn(withLive(facts))).toEqual(step)
  })

  test('has none where the spec says so', () => {
    const spec = { ...observation.release.spec, disruptionBudget: 'None' as const }
    const none = { ...observation, release: { ...observation.release, spec } }
    expect(stepIn(none)).toBeUndefined()
    expect(stepIn(withLive({ budget: BUDGET }, none))).toEqual({ type: 'RemoveBudget', color })
  })
})

test('a color that does not serve has none', () => {
  const live = observation.release.status?.liveColor ?? 'blue'
  const idle = COLORS.find((color) => color !== live) ?? 'blue'
  const seen = withLive({ budget: BUDGET })
  const colors = { ...seen.colors, [idle]: { ...seen.colors[live], budget: BUDGET } }
  expect(stepIn({ ...seen, colors })).toEqual({ type: 'RemoveBudget', color: idle })
})

describe('what is told', () => {
  test.each<[string, Partial<ColorState>, RegExp | undefined]>([
    ['nothing of a budget for one color', { otherBudgets: [{ name: 'web', counts: 'Color' }] }, undefined],
    [
      'that a budget counts idle pods',
      { otherBudgets: [{ name: 'web', counts: 'Both' }] },
      /^PodDisruptionBudget models\/web counts the pods of both colors/,
    ],
    [
      'that two budgets let nobody evict a pod',
      {
        otherBudgets: [
          { name: 'one', counts: 'Color' },
          { name: 'two', counts: 'Color' },
        ],
      },
      /models\/one and models\/two select the same pods .* refuses every eviction/,
    ],
    [
      'why budgets cannot be read',
      { budgetsUnknown: 'grant it' },
      /^no PodDisruptionBudget is made, .*: grant it$/,
    ],
    ['nothing of what passes by itself', { budgetsUnknown: '' }, undefined],
  ])('%s', (_what, facts, message) => {
    const warning = warningIn(withLive(facts))
    if (!message) expect(warning).toBeUndefined()
    else {
      expect(warning).toMatchObject({ reason: 'DrainsUnlimited' })
      expect(warning?.message).toMatch(message)
    }
  })
})
