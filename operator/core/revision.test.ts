import { describe, expect, test } from '@jest/globals'
import type { Spec } from '../api/release.ts'
import { housing, housingBehindService, knownHouse } from '../test/simulated-world.ts'
import { attemptIdOf, canonicalJson, revisionOf } from './revision.ts'

const base = housing(1)
const model = base.model ?? { name: '', version: '', uri: '' }

/** The same object with its keys written the other way round, at every depth. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, child]) => [key, reversed(child)]),
  )
}

describe('a revision', () => {
  test.each<[string, Partial<Spec>, 'same' | 'other', 'same' | 'other']>([
    ['replicas', { replicas: 9 }, 'same', 'same'],
    ['the retire delay', { retireAfterSeconds: 1 }, 'same', 'same'],
    ['the deadline', { progressDeadlineSeconds: 11 }, 'same', 'same'],
    ['a gate', { gates: [knownHouse(1)] }, 'same', 'other'],
    ['the traffic', { traffic: housingBehindService(1).traffic }, 'same', 'other'],
    ['the port', { port: 9090 }, 'other', 'other'],
    ['the model', { model: { ...model, version: '8' } }, 'other', 'other'],
    ['the digest', { model: { ...model, sha256: '0'.repeat(64) } }, 'other', 'other'],
  ])('with another %s', (_name, changes, revision, attempt) => {
    const spec = { ...base, ...changes }
    expect(revisionOf(spec) === revisionOf(base) ? 'same' : 'other').toBe(revision)
    expect(attemptIdOf(spec) === attemptIdOf(base) ? 'same' : 'other').toBe(attempt)
  })

  test('does not know the order of keys', () => {
    const shuffled = reversed(base) as Spec
    expect(Object.keys(shuffled)).not.toEqual(Object.keys(base))
    expect(attemptIdOf(shuffled)).toBe(attemptIdOf(base))
  })

  test('knows the order of lists', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]))
  })

  test('does not change with the operator: running releases must not restart', () => {
    expect(attemptIdOf(base)).toMatchInlineSnapshot(`"b5b31a05ba-83bab680"`)
  })
})
