import { expect, test } from '@jest/globals'
import { isNamed, isReadyNode } from './node-health.ts'

const ready = { type: 'Ready', status: 'True' }

test.each([
  { name: 'ready and untainted', node: { status: { conditions: [ready] } }, expected: true },
  {
    name: 'ready, the taint still there',
    node: { spec: { taints: [{ key: 'node.kubernetes.io/not-ready' }] }, status: { conditions: [ready] } },
    expected: false,
  },
  {
    name: 'not ready',
    node: { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } },
    expected: false,
  },
  {
    name: 'another condition only',
    node: { status: { conditions: [{ type: 'DiskPressure', status: 'True' }] } },
    expected: false,
  },
  { name: 'just registered', node: {}, expected: false },
])('$name: $expected', ({ node, expected }) => expect(isReadyNode(node)).toBe(expected))

test('isNamed asks for the name alone', () => {
  expect(isNamed('default')({ metadata: { name: 'default', namespace: 'x' } })).toBe(true)
  expect(isNamed('default')({ metadata: { name: 'other' } })).toBe(false)
})
