import { expect, test } from '@jest/globals'
import { largeBuffers, withOwnBuffers } from './worker-protocol.ts'
import type { Tensors } from './executor.ts'

function tensors(data: Float32Array): Tensors {
  return new Map([['x', { datatype: 'FP32', shape: [data.length], data }]])
}

test.each([
  { what: 'a small tensor goes as it is', data: new Float32Array(4), copied: false, handedOver: 0 },
  {
    what: 'a large one goes as a copy that is handed over',
    data: new Float32Array(20_000),
    copied: true,
    handedOver: 1,
  },
  {
    // The structured clone of a view is one of all that it is a view of.
    what: 'a small part of a large body goes without the rest',
    data: new Float32Array(20_000).subarray(4, 8),
    copied: true,
    handedOver: 0,
  },
])('$what', ({ data, copied, handedOver }) => {
  const own = withOwnBuffers(tensors(data))
  const sent = own.get('x')?.data as Float32Array
  expect(sent).toEqual(data)
  expect(sent === data).toBe(!copied)
  expect(largeBuffers(own)).toHaveLength(handedOver)
  expect(structuredClone(sent).buffer.byteLength).toBe(data.byteLength)
})
