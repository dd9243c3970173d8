import { describe, expect, test } from '@jest/globals'
import { countedReads } from '../../test/fakes/counted-reads.ts'
import { byKey, droppedFields } from './dropped-fields.ts'

describe('fields that the API server dropped', () => {
  const cases: Record<string, { sent: unknown; kept: unknown; dropped: string[] }> = {
    'none where all came back, with defaults': {
      sent: { containers: [{ name: 'a', image: 'x' }] },
      kept: {
        containers: [{ name: 'a', image: 'x', terminationMessagePath: '/dev/t' }],
        dnsPolicy: 'Default',
      },
      dropped: [],
    },
    'a misspelt probe': {
      sent: { containers: [{ name: 'a', readinesProbe: { httpGet: {} } }] },
      kept: { containers: [{ name: 'a' }] },
      dropped: ['t.containers[0].readinesProbe'],
    },
    'a whole misspelt list': { sent: { contaners: [{ name: 'a' }] }, kept: {}, dropped: ['t.contaners'] },
    'nothing where a container was put in front': {
      sent: { containers: [{ name: 'a', image: 'x' }] },
      kept: { containers: [{ name: 'sidecar' }, { name: 'a', image: 'x' }] },
      dropped: [],
    },
    'nothing where an empty value went away': {
      sent: {
        hostNetwork: false,
        nodeSelector: {},
        containers: [],
        terminationGracePeriodSeconds: 0,
        x: null,
      },
      kept: {},
      dropped: [],
    },
    'nothing where a value was written in another form': {
      sent: { limits: { cpu: '1000m' } },
      kept: { limits: { cpu: '1' } },
      dropped: [],
    },
    'nothing of a volume that is mounted twice': {
      sent: {
        volumeMounts: [
          { name: 'data', mountPath: '/cache' },
          { name: 'data', mountPath: '/models', subPath: 'models', readOnly: true },
        ],
      },
      kept: {
        volumeMounts: [
          { name: 'token', mountPath: '/var/run/secrets', readOnly: true },
          { name: 'data', mountPath: '/cache' },
          { name: 'data', mountPath: '/models', subPath: 'models', readOnly: true },
        ],
      },
      dropped: [],
    },
    'a misspelt field of the second mount of a volume': {
      sent: {
        volumeMounts: [
          { name: 'data', mountPath: '/cache', readOnly: true },
          { name: 'data', mountPath: '/models', readonly: true },
        ],
      },
      kept: {
        volumeMounts: [
          { name: 'data', mountPath: '/cache', readOnly: true },
          { name: 'data', mountPath: '/models' },
        ],
      },
      dropped: ['t.volumeMounts[1].readonly'],
    },
    'nothing of a variable that is set twice, or of a port with two protocols': {
      sent: {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } },
        ],
        ports: [{ containerPort: 53 }, { containerPort: 53, protocol: 'UDP', hostPort: 53 }],
      },
      kept: {
        env: [
          { name: 'PROXY', value: 'x' },
          { name: 'A', value: '1' },
          { name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } },
        ],
        ports: [
          { containerPort: 53, protocol: 'TCP' },
          { containerPort: 53, protocol: 'UDP', hostPort: 53 },
        ],
      },
      dropped: [],
    },
    'nothing where a policy put a toleration in front, or another registry': {
      sent: { tolerations: [{ key: 'a', operator: 'Exists' }], containers: [{ name: 'a', image: 'x' }] },
      kept: {
        tolerations: [
          { key: 'spot', value: 'true' },
          { key: 'a', operator: 'Exists' },
        ],
        containers: [{ name: 'a', image: 'mirror/x' }],
      },
      dropped: [],
    },
    'what a policy took away of one container, though another has it': {
      sent: { containers: [{ name: 'a', securityContext: { privileged: true } }, { name: 'b' }] },
      kept: { containers: [{ name: 'b', securityContext: { privileged: true } }, { name: 'a' }] },
      dropped: ['t.containers[0].securityContext'],
    },
    'a container that did not come back': {
      sent: { containers: [{ name: 'a' }, { name: 'b', image: 'x' }] },
      kept: { containers: [{ name: 'a' }] },
      dropped: ['t.containers[1]'],
    },
    'nothing of a list of texts': { sent: { args: ['a', 'b'] }, kept: { args: ['a', 'b'] }, dropped: [] },
    'nothing of arguments that a policy made fewer': {
      sent: { args: Array.from({ length: 40 }, (_, index) => `--a${index}`) },
      kept: { args: ['--all'] },
      dropped: [],
    },
    'nothing where a policy put several tolerations in front': {
      sent: { tolerations: [{ key: 'a', operator: 'Exists' }] },
      kept: {
        tolerations: [...Array.from({ length: 5 }, () => ({ value: 'x' })), { key: 'a', operator: 'Exists' }],
      },
      dropped: [],
    },
    'the second of two misspelt variables of the same name': {
      sent: { env: [{ name: 'A', value: '1' }, { name: 'B' }, { name: 'A', valu: '2' }] },
      kept: { env: [{ name: 'A', value: '1' }, { name: 'B' }, { name: 'A' }] },
      dropped: ['t.env[2].valu'],
    },
    'an unnamed item is matched by its place': {
      sent: { tolerations: [{ key: 'a' }, { kei: 'b' }] },
      kept: { tolerations: [{ key: 'a' }, {}] },
      dropped: ['t.tolerations[1].kei'],
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { sent, kept, dropped }) => {
    expect(droppedFields(sent, kept, 't')).toEqual(dropped)
  })
})

test('items of a list are named by what tells them apart, where that is asked for', () => {
  const sent = { containers: [{ name: 'web', env: [{ name: 'A', value: '1' }], args: ['x'] }] }
  const kept = { containers: [{ name: 'web', args: [] }] }
  expect(droppedFields(sent, kept, 'spec', byKey)).toEqual([
    'spec.containers[web].env',
    'spec.containers[web].args[0]',
  ])
})

describe('a list of a thousand is compared in a walk, and not each with all', () => {
  const many = <Item>(item: (index: number) => Item): Item[] =>
    Array.from({ length: 1_000 }, (_, index) => item(index))
  const cases: Record<string, { sent: object; kept: object; dropped: number }> = {
    arguments: { sent: { args: many(() => 'x') }, kept: { args: many(() => 'x') }, dropped: 0 },
    'tolerations with a field that is not known': {
      sent: { tolerations: many((index) => ({ key: `k${index}`, operater: 'Exists' })) },
      kept: { tolerations: many((index) => ({ key: `k${index}` })) },
      dropped: 1_000,
    },
    'variables of different names': {
      sent: { env: many((index) => ({ name: `V${index}`, valu: 'x' })) },
      kept: { env: many((index) => ({ name: `V${index}` })) },
      dropped: 1_000,
    },
    'variables of one name': {
      sent: { env: many(() => ({ name: 'A', valu: 'x' })) },
      kept: { env: many(() => ({ name: 'A' })) },
      dropped: 1_000,
    },
    'ports of one number': {
      sent: { ports: many(() => ({ containerPort: 80, protocol: 'TCP', hostport: 80 })) },
      kept: { ports: many(() => ({ containerPort: 80, protocol: 'UDP' })) },
      dropped: 1_000,
    },
    'containers that did not come back': {
      sent: { containers: many((index) => ({ name: `c${index}` })) },
      kept: { containers: many((index) => ({ name: `d${index}` })) },
      dropped: 1_000,
    },
    'terms of terms': {
      sent: {
        terms: many((index) => ({ matchExpressions: [{ key: `k${index}`, operater: 'In' }] })),
      },
      kept: { terms: many((index) => ({ matchExpressions: [{ key: `k${index}` }] })) },
      dropped: 1_000,
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { sent, kept, dropped }) => {
    const one = countedReads(sent)
    const other = countedReads(kept)
    expect(droppedFields(one.value, other.value, 't')).toHaveLength(dropped)
    // Each with all would be 1,000,000 and more.
    expect(one.reads() + other.reads()).toBeLessThan(600_000)
  })
})
