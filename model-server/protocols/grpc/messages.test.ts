import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RequestError } from '../../http/request-error.ts'
import type { Signature } from '../../tensor/tensor.ts'
import { decodeModelInfer } from './messages.ts'
import type { ModelInferRequest } from './messages.ts'

const signature: Signature = {
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'n', datatype: 'INT64', shape: [-1] },
    { name: 't', datatype: 'BYTES', shape: [-1] },
  ],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
}

const digits = fc
  .oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.nat(3).map(BigInt))
  .map(String)
const parameters = fc.dictionary(
  fc.constantFrom('timeout', 'binary_data_output', 'other'),
  fc.oneof(
    digits.map((int64_param) => ({ parameter_choice: 'int64_param', int64_param })),
    fc.boolean().map((bool_param) => ({ parameter_choice: 'bool_param', bool_param })),
    fc.constant({}),
  ),
)
const buffer = fc.uint8Array({ maxLength: 16 }).map((bytes) => Buffer.from(bytes))
const contents = fc.oneof(
  fc.constant(null),
  fc.record(
    {
      fp32_contents: fc.array(fc.float(), { maxLength: 4 }),
      int64_contents: fc.array(digits, { maxLength: 3 }),
      bytes_contents: fc.array(buffer, { maxLength: 3 }),
      bool_contents: fc.array(fc.boolean(), { maxLength: 1 }),
    },
    { requiredKeys: [] },
  ),
)
const requests: fc.Arbitrary<ModelInferRequest> = fc.record({
  model_name: fc.constant(''),
  model_version: fc.constant(''),
  id: fc.string(),
  parameters,
  inputs: fc.array(
    fc.record({
      name: fc.constantFrom('x', 'n', 't', '__proto__'),
      datatype: fc.constantFrom('FP32', 'INT64', 'BYTES', ''),
      shape: fc.array(digits, { maxLength: 2 }),
      parameters,
      contents,
    }),
    { maxLength: 4 },
  ),
  outputs: fc.array(fc.record({ name: fc.constantFrom('y', 'z'), parameters }), { maxLength: 2 }),
  raw_input_contents: fc.oneof(fc.constant<Buffer[]>([]), fc.array(buffer, { maxLength: 4 })),
})

test('whatever message comes, it is decoded or refused with 400', () => {
  fc.assert(
    fc.property(requests, (request) => {
      try {
        const { inputs } = decodeModelInfer(request, signature)
        for (const { shape, data } of inputs.values()) {
          expect(data.length).toBe(shape.reduce((product, size) => product * size, 1))
        }
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError)
        expect((error as RequestError).status).toBe(400)
      }
    }),
    { numRuns: 3_000 },
  )
})
