/** Models whose cost is known, written for the occasion. */
import { writeModel } from '../../model-server/test/onnx-writer.ts'

const SIDE = 512

/** The mean of each channel of a picture: as little work as a model can do that has to look at all of it. */
export function imageModel(): Buffer {
  return writeModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3, 224, 224] }],
    outputs: [{ name: 'mean', datatype: 'FP32', shape: [1, 3, 1, 1] }],
    nodes: [{ op: 'GlobalAveragePool', inputs: ['x'], outputs: ['mean'] }],
  })
}

/**
 * As slow as it is told to be: `products` products of matrices of 512 x 512, one after the other. The matrix is xᵀx, which for
 * an x of length 1 is its own square, so that the numbers neither vanish nor grow. The answer is x(xᵀx)xᵀ: 1.
 */
export function slowModel(products: number): Buffer {
  const powers = Array.from({ length: products }, (_, index) => ({
    op: 'MatMul',
    inputs: [`m${index}`, 'm0'],
    outputs: [`m${index + 1}`],
  }))
  return writeModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, SIDE] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1] }],
    nodes: [
      { op: 'Transpose', inputs: ['x'], outputs: ['column'] },
      { op: 'MatMul', inputs: ['column', 'x'], outputs: ['m0'] },
      ...powers,
      { op: 'MatMul', inputs: ['x', `m${products}`], outputs: ['row'] },
      { op: 'MatMul', inputs: ['row', 'column'], outputs: ['y'] },
    ],
  })
}
