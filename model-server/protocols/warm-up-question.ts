import type { ReadQuestion } from '../models/warm-up-check.ts'
import { decodeFrame } from './predict-codec.ts'
import { readJsonElements } from './v2-body.ts'
import { decodeInferRequest } from './v2-codec.ts'

/** Questions of the configuration are written as requests are, and read as they are. */
export const readQuestion: ReadQuestion = ({ signature, frame }, question) => {
  if (question.type === 'Inputs') {
    return decodeInferRequest({ inputs: question.inputs }, signature, readJsonElements)
  }
  if (typeof frame === 'string') throw new Error(frame)
  return { inputs: new Map([[frame.input, decodeFrame(question.frame, frame)]]), outputs: [frame.output] }
}
