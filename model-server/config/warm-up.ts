/** Requests that a model must answer before it serves, as `warmUp` of a model says them. */
import { isObject } from '../protocols/json-value.ts'
import { elementCount } from '../tensor/tensor.ts'
import { got } from './values.ts'

/** What is asked: the `inputs` of a V2 infer request, or the body of `/predict`; or a hint, how large inputs are, by name. */
export type WarmUpQuestion =
  | { type: 'Inputs'; inputs: unknown }
  | { type: 'Frame'; frame: unknown }
  | { type: 'Shapes'; shapes: Readonly<Record<string, readonly number[]>> }

/** One request with the answer that the model must give. */
export type WarmUpSample = {
  question: WarmUpQuestion
  /** Elements by output, in row-major order; undefined where any answer will do. */
  expect: ReadonlyMap<string | typeof PREDICTION, readonly unknown[]> | undefined
  /** How far a number may be from what is expected. */
  absoluteTolerance: number
}

/** The output that `/predict` answers with, whatever its name. */
export const PREDICTION = Symbol('prediction')

const KEYS = ['inputs', 'frame', 'shapes', 'expect', 'absoluteTolerance']
/** Elements of all inputs of a hint together. */
const MOST_ELEMENTS = 2 ** 24

/**
 * A list of samples, or the same as JSON text.
 * @throws Error naming the sample and what was expected
 */
export function warmUpSamples(value: unknown): readonly WarmUpSample[] {
  if (value === undefined) return []
  const list = typeof value === 'string' ? parseJson(value) : value
  if (!Array.isArray(list)) throw new Error(`expected a list of samples, ${got(list)}`)
  return list.map((sample: unknown, index) => {
    try {
      return warmUpSample(sample)
    } catch (cause) {
      throw new Error(`[${index}]: ${(cause as Error).message}`, { cause })
    }
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`expected JSON: ${(cause as Error).message}`, { cause })
  }
}

function warmUpSample(value: unknown): WarmUpSample {
  if (!isObject(value)) throw new Error(`expected an object, ${got(value)}`)
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) throw new Error(`unknown key '${unknown}'; expected ${KEYS.join(', ')}`)
  const { inputs, frame, shapes, expect, absoluteTolerance = 0 } = value
  if (typeof absoluteTolerance !== 'number' || !(absoluteTolerance >= 0)) {
    throw new Error(`absoluteTolerance: expected a number of at least 0, ${got(absoluteTolerance)}`)
  }
  if ([inputs, frame, shapes].filter((given) => given !== undefined).length !== 1) {
    throw new Error(
      "expected exactly one of 'inputs' (as of V2 infer), 'frame' (as of /predict) and 'shapes' (a hint)",
    )
  }
  if (shapes !== undefined) return hint(shapes, expect)
  return inputs === undefined
    ? { question: { type: 'Frame', frame }, expect: expectedPrediction(expect), absoluteTolerance }
    : { question: { type: 'Inputs', inputs }, expect: expectedOutputs(expect), absoluteTolerance }
}

function hint(shapes: unknown, expect: unknown): WarmUpSample {
  if (expect !== undefined)
    throw new Error("expect: 'shapes' is a hint and no question; nothing can be expected")
  if (!isObject(shapes)) throw new Error(`shapes: expected {input: [size]}, ${got(shapes)}`)
  let elements = 0
  for (const [name, shape] of Object.entries(shapes)) {
    if (!Array.isArray(shape) || !shape.every((size) => Number.isInteger(size) && size > 0)) {
      throw new Error(`shapes.${name}: expected a list of sizes of at least 1, ${got(shape)}`)
    }
    elements += elementCount(shape as number[])
  }
  if (elements > MOST_ELEMENTS)
    throw new Error(`shapes: expected at most ${MOST_ELEMENTS} elements, got ${elements}`)
  const question = { type: 'Shapes', shapes: shapes as Record<string, number[]> } as const
  return { question, expect: undefined, absoluteTolerance: 0 }
}

function expectedPrediction(value: unknown): WarmUpSample['expect'] {
  return value === undefined ? undefined : new Map([[PREDICTION, elements('expect', value)]])
}

function expectedOutputs(value: unknown): WarmUpSample['expect'] {
  if (value === undefined) return undefined
  if (!isObject(value)) throw new Error(`expect: expected {output: [element]}, ${got(value)}`)
  return new Map(Object.entries(value).map(([name, list]) => [name, elements(`expect.${name}`, list)]))
}

function elements(place: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error(`${place}: expected a list of elements, ${got(value)}`)
  return value.flat(8) as unknown[]
}
