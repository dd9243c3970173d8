import { runInNewContext } from 'node:vm'
import { describe, expect, test } from '@jest/globals'
import type { Spec, Status } from '../../api/release.ts'
import { housingBehindService } from '../../test/fakes/simulated-world.ts'
import {
  holding,
  pointingAt,
  promotedWorld,
  releaseOf,
  attemptAt,
  storedOf,
} from '../../test/fakes/worlds.ts'
import { configMapNames } from '../model/config-maps.ts'
import type { ConfigReading } from '../model/observation.ts'
import { without } from '../state/persisted-state.ts'
import { plan } from '../plan.ts'
import { revisionOf } from '../model/revision.ts'
import type { Observation } from '../model/observation.ts'

type Json = Record<string, unknown>

function container(changes: Json = {}, pod: Json = {}): Spec {
  const web = { name: 'web', image: 'web:1', readinessProbe: { tcpSocket: { port: 8080 } }, ...changes }
  const rest = without(housingBehindService(1), 'model', 'gates')
  return { ...rest, template: { spec: { containers: [web], ...pod } } }
}

/** The spec is live in blue; `status` is what the reconcile before wrote. */
function live(spec: Spec, config: ConfigReading | undefined, status: Status = {}): Observation {
  const attempt = attemptAt(spec, { outcome: 'Promoted', reason: 'Promoted' })
  const traffic = { verified: revisionOf(spec) }
  const release = releaseOf(spec, {
    observedGeneration: 2,
    liveColor: 'blue',
    attempt,
    traffic,
    history: [],
    ...status,
  })
  return {
    ...promotedWorld(),
    release,
    colors: { blue: holding(spec, 'blue'), green: { pods: [] } },
    revisions: [storedOf(spec)],
    pointer: pointingAt('blue'),
    ...(config ? { config } : {}),
  }
}

/** What is warned of after the ConfigMaps came to hold something else; '' where nothing is. */
function warnedAfter(spec: Spec, before: ConfigReading, after: ConfigReading | undefined): string {
  const first = plan(live(spec, before))
  expect(first.status.conditions?.some(({ type }) => type === 'Warned')).toBe(false)
  const { status, events } = plan(live(spec, after, first.status))
  const warned = status.conditions?.find(({ reason }) => reason === 'ConfigChanged')?.message ?? ''
  expect(events.some(({ reason }) => reason === 'ConfigChanged')).toBe(warned !== '')
  return warned
}

const volumes = (volume: Json): Json => ({ volumes: [{ name: 'v', ...volume }] })
const USES: Record<string, Spec> = {
  'a variable': container({
    env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'web', key: 'V' } } }],
  }),
  'all variables': container({ envFrom: [{ configMapRef: { name: 'web' } }] }),
  'a volume': container({}, volumes({ configMap: { name: 'web' } })),
  'an item of a volume': container(
    {},
    volumes({ configMap: { name: 'web', items: [{ key: 'V', path: 'v' }] } }),
  ),
  'a projected volume': container(
    {},
    volumes({ projected: { sources: [{ secret: { name: 's' } }, { configMap: { name: 'web' } }] } }),
  ),
  'an init container': container(
    {},
    { initContainers: [{ name: 'i', envFrom: [{ configMapRef: { name: 'web' } }] }] },
  ),
}

describe.each(Object.entries(USES))('a ConfigMap that is used as %s', (_, spec) => {
  test('is known', () => expect(configMapNames(live(spec, undefined))).toEqual(['web']))

  test('and changed under the revision is told, with what it means and what to do', () => {
    const warned = warnedAfter(spec, { web: { V: '1' } }, { web: { V: '2' } })
    expect(warned).toContain('ConfigMap models/web was changed after blue was built')
    expect(warned).toContain('which no gate has seen')
    expect(warned).toContain('change an annotation in spec.template.metadata')
  })

  test('and deleted is told', () => {
    expect(warnedAfter(spec, { web: { V: '1' } }, { web: 'Absent' })).toContain(
      'ConfigMap models/web was deleted',
    )
  })

  test('that cannot be read, or is as it was, is not', () => {
    expect(warnedAfter(spec, { web: { V: '1' } }, {})).toBe('')
    expect(warnedAfter(spec, { web: { V: '1' } }, undefined)).toBe('')
    expect(warnedAfter(spec, { web: { V: '1' } }, { web: { V: '1' } })).toBe('')
  })

  test('that comes after the pods, which wait for it, is not', () => {
    expect(warnedAfter(spec, { web: 'Absent' }, { web: { V: '1' } })).toBe('')
  })
})

test.each(['a variable', 'an item of a volume'])(
  'of a ConfigMap that is used as %s other keys tell nothing',
  (use) => {
    const spec = USES[use] ?? container()
    expect(warnedAfter(spec, { web: { V: '1', W: '1' } }, { web: { V: '1', W: '2', X: '3' } })).toBe('')
  },
)

test('a ConfigMap that is put back is told no more', () => {
  const spec = USES['a variable'] ?? container()
  const first = plan(live(spec, { web: { V: '1' } })).status
  const changed = plan(live(spec, { web: { V: '2' } }, first)).status
  const back = plan(live(spec, { web: { V: '1' } }, changed)).status
  expect(changed.conditions?.map(({ type }) => type)).toContain('Warned')
  expect(back.conditions?.map(({ type }) => type)).not.toContain('Warned')
})

test('another revision in the color begins anew', () => {
  const spec = USES['a variable'] ?? container()
  const first = plan(live(spec, { web: { V: '1' } })).status
  const other = container({
    image: 'web:2',
    env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'web', key: 'V' } } }],
  })
  const { blue } = first.colors ?? {}
  const replaced = plan(live(other, { web: { V: '2' } }, blue ? { colors: { blue } } : {})).status
  expect(replaced.conditions?.map(({ type }) => type)).not.toContain('Warned')
  expect(replaced.colors?.blue?.config).not.toEqual(blue?.config)
})

test('nobody watches ConfigMaps, so they are looked at each minute; without any nothing is', () => {
  expect(plan(live(USES['a volume'] ?? container(), { web: { V: '1' } })).requeueAfterMs).toBe(60_000)
  expect(plan(live(container(), undefined)).requeueAfterMs).toBeUndefined()
})

test('what is no template of ours is looked at without harm, and never more than twenty', () => {
  const odd = container(
    { env: 'x', envFrom: [null, { configMapRef: null }] },
    { initContainers: {}, volumes: [7] },
  )
  expect(configMapNames(live(odd, undefined))).toEqual([])
  const envFrom = Array.from({ length: 30 }, (_, at) => ({ configMapRef: { name: `c${at}` } }))
  expect(configMapNames(live(container({ envFrom }), undefined))).toHaveLength(20)
})

test('fifty thousand variables from one ConfigMap are noted in a walk', () => {
  const env = Array.from({ length: 50_000 }, (_, index) => ({
    name: `V${index}`,
    valueFrom: { configMapKeyRef: { name: 'web', key: `V${index}` } },
  }))
  const observation = live(container({ env }), undefined)
  const names = (): string[] => configMapNames(observation)
  // Ended by force and not waited for: with all that were noted copied for each one it takes minutes.
  expect(runInNewContext('names()', { names }, { timeout: 30_000 })).toEqual(['web'])
})
