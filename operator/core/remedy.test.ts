import { expect, test } from '@jest/globals'
import { housing } from '../test/simulated-world.ts'
import { without } from './memory.ts'
import { remedyOf } from './remedy.ts'

const model = housing(1)
const template = { ...without(model, 'model'), template: {} }

test.each([
  [
    model,
    'ImagePullBackOff: not found',
    'correct spec.model.serverImage (not set: the image that the operator was given)',
  ],
  [
    { ...model, model: { name: 'm', version: '1', uri: 'file:///m', serverImage: 'absent:1' } },
    'ErrImagePull',
    'correct spec.model.serverImage ("absent:1")',
  ],
  [template, 'ErrImagePull', 'correct the image in spec.template'],
  [
    { ...model, model: { name: 'm', version: '1', uri: 'file:///m', sha256: 'ff' } },
    'MODEL_SHA256 wants ff',
    'correct spec.model.sha256 "ff"',
  ],
  [model, 'MODEL_URI answered 404', `correct spec.model.uri "${model.model?.uri ?? ''}"`],
  [model, 'Unschedulable: 0/1 nodes', 'make room for 2 more pods, or lower spec.replicas'],
  [model, 'exited with code 1', 'correct the spec'],
])('%#: names the field, its value and what to do', (spec, said, remedy) => {
  expect(remedyOf(spec, said)).toContain(remedy)
})
