/** Asks a model the questions of its configuration, and compares. */
import { PREDICTION } from '../config/warm-up.ts'
import type { WarmUpQuestion, WarmUpSample } from '../config/warm-up.ts'
import { Call } from '../execution/call.ts'
import type { Tensors } from '../execution/executor.ts'
import { shown, writeElements } from '../tensor/tensor-json.ts'
import type { ServedModel } from './served-model.ts'

/** What of a model answers. */
type Answering = Pick<ServedModel, 'signature' | 'frame' | 'infer'>

/** Makes of a question what is asked of the model, as the protocols do. @throws Error where it does not fit the model */
export type ReadQuestion = (
  model: Pick<ServedModel, 'signature' | 'frame'>,
  question: WarmUpQuestion,
) => { inputs: Tensors; outputs: readonly string[] }

/**
 * Ask every sample, one after the other.
 * @throws Error naming the sample, what was expected and what came
 */
export async function checkWarmUp(
  model: Answering,
  samples: readonly WarmUpSample[],
  read: ReadQuestion,
): Promise<void> {
  for (const [index, sample] of samples.entries()) {
    try {
      // What has only shapes is no question, but has to fit.
      if (sample.question.type === 'Shapes') read(model, sample.question)
      else await checkSample(model, sample, read)
    } catch (cause) {
      throw new Error(`warm-up sample ${index}: ${(cause as Error).message}`, { cause })
    }
  }
}

async function checkSample(
  model: Answering,
  { question, expect, absoluteTolerance }: WarmUpSample,
  read: ReadQuestion,
): Promise<void> {
  const { inputs, outputs } = read(model, question)
  const results = await model.infer(inputs, outputs, new Call())
  for (const [output, expected] of expect ?? []) {
    const name = output === PREDICTION ? (outputs[0] ?? '') : output
    const tensor = results.get(name)
    if (!tensor) throw new Error(`expected output '${name}', got ${outputs.join(', ')}`)
    compare(name, expected, writeElements(tensor).values, absoluteTolerance)
  }
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
