/** Frames with named columns, for models that take a matrix. */
import { isFloat } from './tensor.ts'
import type { Signature } from './tensor.ts'

/** How the columns of a frame become the one input of a model, and which of its outputs is the prediction. */
export type FrameMapping = {
  input: string
  datatype: 'FP16' | 'FP32' | 'FP64'
  columns: readonly string[]
  output: string
}

/** The mapping, or the reason why this model cannot take frames with these columns. */
export function frameMapping(signature: Signature, columns: readonly string[]): FrameMapping | string {
  const [input, ...others] = signature.inputs
  const [output] = signature.outputs
  if (!input || others.length > 0) {
    return `columns need a model with one input, this one has ${signature.inputs.length}`
  }
  if (!output) return 'the model has no tensor output'
  if (!isFloat(input.datatype)) {
    return `columns need an FP16, FP32 or FP64 input, input '${input.name}' is ${input.datatype}`
  }
  const [rows, width] = input.shape
  if (input.shape.length !== 2 || rows !== -1 || (width !== -1 && width !== columns.length)) {
    return `${columns.length} columns (${columns.join(',')}) need an input of shape [-1, ${columns.length}], input '${input.name}' is [${input.shape.join(', ')}]`
  }
  return { input: input.name, datatype: input.datatype, columns, output: output.name }
}
