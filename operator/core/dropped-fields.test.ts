import { describe, expect, test } from '@jest/globals'
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
