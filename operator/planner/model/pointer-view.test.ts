import { describe, expect, test } from '@jest/globals'
import { housing, housingBehindService, housingBehindStore } from '../../test/fakes/simulated-world.ts'
import { holding, pointingAt, releaseOf } from '../../test/fakes/worlds.ts'
import { behindFallback, missingOrigins, nameOf, servingColors, viewOf } from './pointer-view.ts'
import type { ColorState, PointerReading } from './observation.ts'

const spec = housing(1)
const EMPTY: Record<'blue' | 'green', ColorState> = { blue: { pods: [] }, green: { pods: [] } }
const STANDING = { blue: holding(spec, 'blue'), green: holding(spec, 'green') }

function swapped(): typeof spec {
  const distribution = spec.traffic.cloudFrontDistribution
  if (!distribution) throw new Error('the housing release has a distribution')
  const origins = { blue: distribution.origins.green, green: distribution.origins.blue }
  return { ...spec, traffic: { ...spec.traffic, cloudFrontDistribution: { ...distribution, origins } } }
}

describe('what a pointer names', () => {
  test.each<[string, PointerReading, string, string[]]>([
    ['one color, propagated', pointingAt('housing-green'), 'Names green', ['green']],
    ['one color, not propagated', pointingAt('housing-green', 'No'), 'Names green', ['green', 'blue']],
    ['a third origin', pointingAt('maintenance'), 'Split', ['blue', 'green']],
    ['the names of a Service in a distribution', pointingAt(''), 'Nothing', []],
    [
      'parts that differ',
      {
        ...pointingAt(''),
        targets: [
          { part: '*', names: 'housing-blue' },
          { part: '/ui/*', names: 'housing-green' },
        ],
      },
      'Split',
      ['blue', 'green'],
    ],
    [
      'one part that names nothing',
      {
        ...pointingAt(''),
        targets: [
          { part: '*', names: 'housing-blue' },
          { part: '/ui/*', names: '' },
        ],
      },
      'Split',
      ['blue', 'green'],
    ],
    ['a Service that is not there', { type: 'Absent' }, 'Nothing', []],
    ['no answer', { type: 'Unreachable', message: 'x' }, 'Unknown', ['blue', 'green']],
    [
      'no permission',
      { type: 'Unusable', reason: 'AccessDenied', message: 'x' },
      'Unknown',
      ['blue', 'green'],
    ],
  ])('%s', (_name, reading, expected, serving) => {
    const view = viewOf(spec, reading, EMPTY)
    expect(view.type === 'Names' ? `Names ${view.color}` : view.type).toBe(expected)
    expect(servingColors(view)).toEqual(serving)
  })

  test('is the color that the name was made for, whatever the spec says now', () => {
    expect(viewOf(swapped(), pointingAt('housing-green'), STANDING)).toMatchObject({ color: 'green' })
    expect(viewOf(swapped(), pointingAt('housing-green'), EMPTY)).toMatchObject({ color: 'blue' })
  })

  test('is called by the name that the color was made with', () => {
    expect(nameOf(swapped(), 'green', STANDING)).toBe('housing-green')
    expect(nameOf(swapped(), 'green', EMPTY)).toBe('housing-blue')
    expect(nameOf(housingBehindService(1), 'green', STANDING)).toBe('green')
  })
})

test('origins that the distribution lacks are named with field, value and remedy', () => {
  expect(missingOrigins(spec, { ...pointingAt('a'), origins: ['housing-blue', 'web'] })).toMatch(
    /origins\.green "housing-green" is not an origin of the distribution, which has housing-blue, web: add/,
  )
  expect(missingOrigins(spec, pointingAt('a'))).toBeUndefined()
  expect(missingOrigins(spec, { type: 'Absent' })).toBeUndefined()
})

test('only behaviors that themselves name the other color follow the key: no group, and nobody else', () => {
  const targets = [
    { part: '*', names: 'housing-green' },
    { part: '/ui/*', names: 'old-fleet' },
    { part: '/old/*', names: 'housing-blue' },
    { part: '/both/*', names: 'housing-green', group: 'either' },
  ]
  const fallback = { token: 'v1', targets, propagated: 'Yes' } as const
  const pointer = { ...pointingAt('housing-blue'), fallback } as PointerReading
  const release = releaseOf(housingBehindStore(1))
  expect(behindFallback({ colors: EMPTY, pointer, release }, 'blue')).toEqual(['*'])
})
