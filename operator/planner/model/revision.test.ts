import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Spec } from '../../api/release.ts'
import { housing, housingBehindService, knownHouse } from '../../test/fakes/simulated-world.ts'
import { promotedWorld } from '../../test/fakes/worlds.ts'
import { without } from '../state/persisted-state.ts'
import { plan } from '../plan.ts'
import { podForm } from './pod-form.ts'
import { attemptIdOf, canonicalJson, isSameJson, meaningOf, revisionOf } from './revision.ts'

const base = housing(1, { digest: 'Open' })
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

const probe = { httpGet: { path: '/healthz', port: 8080 } }
const container = { name: 'web', image: 'web:1', readinessProbe: probe }
const pods = (one: object, more: object = {}): unknown =>
  podForm({ template: { spec: { ...more, containers: [{ ...container, ...one }] } }, port: 8080 })
const requests = (cpu: unknown, memory: unknown): object => ({ resources: { requests: { cpu, memory } } })

describe('pods', () => {
  test.each<[string, unknown, unknown]>([
    ['a quantity in thousandths', pods(requests(0.01, '64Mi')), pods(requests('10m', '64Mi'))],
    ['a quantity in another unit', pods(requests(1, '1Gi')), pods(requests('1000m', '1024Mi'))],
    ['a quantity with an exponent', pods(requests(1, '1e3')), pods(requests('1.0', '1k'))],
    ['a null', pods({ command: null }), pods({})],
    ['an empty list', pods({ env: [] }, { volumes: [] }), pods({})],
    ['defaults of the pod', pods({}, { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst' }), pods({})],
    [
      'defaults of a container',
      pods({ terminationMessagePolicy: 'File', imagePullPolicy: 'IfNotPresent' }),
      pods({}),
    ],
    [
      'the pull policy of a moving tag',
      pods({ image: 'web', imagePullPolicy: 'Always' }),
      pods({ image: 'web' }),
    ],
    [
      'defaults of a port',
      pods({ ports: [{ containerPort: 1, protocol: 'TCP' }] }),
      pods({ ports: [{ containerPort: 1 }] }),
    ],
    [
      'defaults of a probe',
      pods({ readinessProbe: { ...probe, periodSeconds: 10, initialDelaySeconds: 0 } }),
      pods({}),
    ],
    [
      'defaults of a request',
      pods({ readinessProbe: { httpGet: { ...probe.httpGet, scheme: 'HTTP' } } }),
      pods({}),
    ],
    ['an empty value', pods({ env: [{ name: 'A', value: '' }] }), pods({ env: [{ name: 'A' }] })],
    ['an empty map', pods({ resources: {}, securityContext: {} }, { nodeSelector: {} }), pods({})],
    [
      'requests as large as limits',
      pods({ resources: { limits: { cpu: 1 }, requests: { cpu: '1' } } }),
      pods({ resources: { limits: { cpu: '1000m' } } }),
    ],
    [
      'the old name of the account',
      pods({}, { serviceAccount: 'a' }),
      pods({}, { serviceAccountName: 'a', serviceAccount: 'a' }),
    ],
  ])('are the same with %s', (_what, one, other) => {
    expect(canonicalJson(one)).toBe(canonicalJson(other))
  })

  test.each<[string, unknown, unknown]>([
    ['another quantity', pods(requests('10m', '64Mi')), pods(requests('11m', '64Mi'))],
    ['M for Mi', pods(requests(1, '64M')), pods(requests(1, '64Mi'))],
    ['another pull policy', pods({ imagePullPolicy: 'Always' }), pods({})],
    [
      'another order of containers',
      podForm({ template: { spec: { containers: [{ name: 'a' }, { name: 'b' }] } }, port: 1 }),
      podForm({ template: { spec: { containers: [{ name: 'b' }, { name: 'a' }] } }, port: 1 }),
    ],
    ['an empty selector', pods({}, { affinity: { namespaceSelector: {} } }), pods({}, { affinity: {} })],
    [
      'an empty volume',
      pods({}, { volumes: [{ name: 'a', emptyDir: {} }] }),
      pods({}, { volumes: [{ name: 'a' }] }),
    ],
    ['another grace', pods({}, { terminationGracePeriodSeconds: 31 }), pods({})],
  ])('are others with %s', (_what, one, other) => {
    expect(canonicalJson(one)).not.toBe(canonicalJson(other))
  })
})

test('what an earlier version left in the status and stored is known again: no attempt, no pod', () => {
  const observation = promotedWorld()
  const { status } = observation.release
  const attempt = status?.attempt && without(status.attempt, 'meaning')
  const release = { ...observation.release, status: { ...status, ...(attempt ? { attempt } : {}) } }
  const {
    rule,
    status: after,
    events,
  } = plan({
    ...observation,
    release,
    revisions: observation.revisions.map((one) => without(one, 'pods')),
  })
  expect({ rule, events }).toEqual({ rule: 'retiring', events: [] })
  expect(after.attempt).toEqual({ ...attempt, meaning: meaningOf(release.spec) })
})

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

test('what is the same JSON is what has the same canonical text', () => {
  const leaf = fc.constantFrom(0, 1, '', 'a', null, undefined, true)
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('node'), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('node'), { maxKeys: 3 }),
    ),
  }))
  // Few values, so that pairs are often the same; lists hold null where JSON does.
  const plain = node.map(
    (value) => JSON.parse(JSON.stringify({ value }), (_, one: unknown) => one) as unknown,
  )
  fc.assert(
    fc.property(plain, plain, (one, other) => {
      expect(isSameJson(one, other)).toBe(canonicalJson(one) === canonicalJson(other))
      expect(isSameJson(one, reversed(one))).toBe(canonicalJson(one) === canonicalJson(reversed(one)))
    }),
    { numRuns: 2000 },
  )
  expect(isSameJson({ a: undefined, b: 1 }, { b: 1, c: undefined })).toBe(true)
  expect(isSameJson({ a: undefined }, { b: undefined, c: 1 })).toBe(false)
})
