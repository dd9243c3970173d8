import { describe, expect, test } from '@jest/globals'
import type { Spec } from '../api/release.ts'
import type { StoredRevision } from '../core/world.ts'
import { deploymentField, droppedFields, serviceField } from './cluster-fields.ts'

const stored = {
  template: {
    spec: { containers: [{ env: [{ name: 'PORT' }, { name: 'MODEL_URI' }, { name: 'A' }, { name: 'B' }] }] },
  },
} as unknown as StoredRevision

describe('a field of a Deployment made from spec.model', () => {
  const spec = { model: { env: [{ name: 'A' }, { name: 'B' }] } } as Spec
  test.each([
    ['spec.template.spec.containers[0].image', 'spec.model.serverImage'],
    ['spec.template.spec.containers[0].resources.requests[cpu]', 'spec.model.resources.requests[cpu]'],
    ['spec.template.spec.containers[0].env[3].valueFrom', 'spec.model.env[1].valueFrom'],
    ['spec.template.spec.containers[0].env[1].value', 'spec.model.uri'],
    ['spec.template.spec.containers[0].ports[0].containerPort', 'spec.port'],
    ['spec.template.spec.tolerations[0].operator', 'spec.model.tolerations[0].operator'],
    ['spec.template.spec.serviceAccountName', 'spec.model.serviceAccountName'],
    ['spec.replicas', 'spec.replicas'],
    ['metadata.name', 'metadata.name'],
  ])('%s is %s', (field, named) => expect(deploymentField(spec, stored)(field)).toBe(named))
})

test('a field of a Deployment made from spec.template keeps its path', () => {
  const field = 'spec.template.spec.containers[0].image'
  expect(deploymentField({ template: {} } as unknown as Spec, stored)(field)).toBe(field)
})

test('the ports of a color Service come from spec.port', () => {
  expect(serviceField('spec.ports[0].targetPort')).toBe('spec.port')
  expect(serviceField('metadata.name')).toBe('metadata.name')
})

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
