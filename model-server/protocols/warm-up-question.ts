import type { ReadQuestion } from '../models/warm-up-check.ts'
import { decodeFrame } from './predict-codec.ts'
import { readJsonElements } from './v2-body.ts'
import { elementCount, oneRow, zeros } from '../tensor/tensor.ts'
import type { Signature } from '../tensor/tensor.ts'
import { decodeInferRequest } from './v2-codec.ts'
import type { InferRequest } from './v2-codec.ts'

/** Questions of the configuration are written as requests are, and read as they are. */
export const readQuestion: ReadQuestion = ({ signature, frame }, question) => {
  if (question.type === 'Inputs') {
    return decodeInferRequest({ inputs: question.inputs }, signature, readJsonElements)
  }
  if (question.type === 'Shapes') return zerosOf(question.shapes, signature)
  if (typeof frame === 'string') throw new Error(frame)
  return { inputs: new Map([[frame.input, decodeFrame(question.frame, frame)]]), outputs: [frame.output] }
}

/** Zeros of the shapes of a hint, checked as those of a request are; an input that it does not name is as small as may be. */
function zerosOf(shapes: Readonly<Record<string, readonly number[]>>, signature: Signature): InferRequest {
  const unknown = Object.keys(shapes).find((name) => !signature.inputs.some((spec) => spec.name === name))
  if (unknown !== undefined) throw new Error(`shapes: the model has no input '${unknown}'`)
  const inputs = signature.inputs.map(({ name, datatype, shape }) => ({
    name,
    datatype,
    shape: shapes[name] ?? oneRow(shape),
  }))
  return decodeInferRequest({ inputs }, signature, (_input, head) =>
    zeros(head.datatype, elementCount(head.shape)),
  )
}
