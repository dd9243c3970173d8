/** Asks a model the questions of its configuration, and compares. */
import { PREDICTION } from '../config/warm-up.ts'
import type { WarmUpQuestion, WarmUpSample } from '../config/warm-up.ts'
import { Call } from '../execution/call.ts'
import type { Tensors } from '../execution/executor.ts'
import { decodeFrame } from '../protocols/predict-codec.ts'
import { readJsonElements } from '../protocols/v2-body.ts'
import { decodeInferRequest } from '../protocols/v2-codec.ts'
import { shown, writeElements } from '../tensor/tensor-json.ts'
import type { ServedModel } from './served-model.ts'

/** What of a model answers. */
type Answering = Pick<ServedModel, 'signature' | 'frame' | 'infer'>

/**
 * Ask every sample, one after the other.
 * @throws Error naming the sample, what was expected and what came
 */
export async function checkWarmUp(model: Answering, samples: readonly WarmUpSample[]): Promise<void> {
  for (const [index, sample] of samples.entries()) {
    try {
      await checkSample(model, sample)
    } catch (cause) {
      throw new Error(`warm-up sample ${index}: ${(cause as Error).message}`, { cause })
    }
  }
}

async function checkSample(
  model: Answering,
  { question, expect, absoluteTolerance }: WarmUpSample,
): Promise<void> {
  const { inputs, outputs } = decodeQuestion(model, question)
  const results = await model.infer(inputs, outputs, new Call())
  for (const [output, expected] of expect ?? []) {
    const name = output === PREDICTION ? (outputs[0] ?? '') : output
    const tensor = results.get(name)
    if (!tensor) throw new Error(`expected output '${name}', got ${outputs.join(', ')}`)
    compare(name, expected, writeElements(tensor).values, absoluteTolerance)
  }
}

function decodeQuestion(
  { signature, frame }: Answering,
  question: WarmUpQuestion,
): { inputs: Tensors; outputs: readonly string[] } {
  if (question.type === 'Inputs') {
    return decodeInferRequest({ inputs: question.inputs }, signature, readJsonElements)
  }
  if (typeof frame === 'string') throw new Error(frame)
  return { inputs: new Map([[frame.input, decodeFrame(question.frame, frame)]]), outputs: [frame.output] }
}

function compare(
  output: string,
  expected: readonly unknown[],
  values: readonly unknown[],
  tolerance: number,
): void {
  if (values.length !== expected.length) {
    throw new Error(`output '${output}': expected ${expected.length} elements, got ${values.length}`)
  }
  const at = expected.findIndex((element, index) => !isNear(element, values[index], tolerance))
  if (at === -1) return
  const within = tolerance === 0 ? '' : ` within ${tolerance}`
  throw new Error(
    `output '${output}', element ${at}: expected ${shown(expected[at])}${within}, got ${shown(values[at])}`,
  )
}

function isNear(expected: unknown, value: unknown, tolerance: number): boolean {
  if (typeof expected !== 'number' || typeof value !== 'number') return expected === value
  return Math.abs(expected - value) <= tolerance
}
