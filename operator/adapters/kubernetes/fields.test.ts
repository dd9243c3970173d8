import { describe, expect, test } from '@jest/globals'
import type { Spec } from '../../api/release.ts'
import type { StoredRevision } from '../../planner/model/observation.ts'
import { deploymentField, serviceField } from './fields.ts'

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
