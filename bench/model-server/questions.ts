/** What servers are asked, and what they must answer. Named, so that a client in a process of its own can ask the same. */
import { readFileSync } from 'node:fs'

/** A request and the judgement of its answer. */
export type Question = {
  path: string
  headers: Readonly<Record<string, string>>
  body: Buffer
  /** Throws where the answer is not the right one. */
  check: (answer: Answer) => void
}

/** As it came; names of headers are in lower case. */
export type Answer = { status: number; headers: Readonly<Record<string, string | undefined>>; body: Buffer }

const JSON_BODY = { 'content-type': 'application/json' }
const BINARY_BODY = { 'content-type': 'application/octet-stream' }
const HEADER_LENGTH = 'inference-header-content-length'
/** float32 sums in another order, and scikit-learn's own float64. */
const TOLERANCE = 1e-3

const HOUSING_VERSION = '2'
const PIXELS = 224 * 224

type Samples = {
  columns: string[]
  models: Record<string, { file: string }>
  samples: { request: Record<string, Record<string, number>>; predictions: Record<string, number> }[]
}

const HOUSING_FOLDER = new URL('../../examples/housing/', import.meta.url)
const housing = JSON.parse(readFileSync(new URL('samples.json', HOUSING_FOLDER), 'utf8')) as Samples

/** The model that the questions about houses are for. */
export const HOUSING_MODEL = new URL(housing.models[HOUSING_VERSION]?.file ?? '', HOUSING_FOLDER)
/** How many different rows there are to ask for. */
export const HOUSING_ROWS = housing.samples.length

/** Every question by its name. */
export const QUESTIONS = {
  row: () => housingRows([0]),
  'rows-64': () => housingRows(manyRows(64)),
  'rows-64-v2': () => housingTensor(64, false),
  'rows-64-binary': () => housingTensor(64, true),
  'image-json': () => image(false),
  'image-binary': () => image(true),
  slow: slow,
} satisfies Record<string, () => Question>

export type QuestionName = keyof typeof QUESTIONS

/** `POST /predict` with these rows of the samples. */
export function housingRows(rows: readonly number[]): Question {
  const cells = rows.map((row, index) => ({ key: String(index), sample: sampleAt(row) }))
  const frame = Object.fromEntries(
    housing.columns.map((column) => [
      column,
      Object.fromEntries(cells.map(({ key, sample }) => [key, valueOf(sample, column)])),
    ]),
  )
  const expected = cells.map(({ sample }) => sample.predictions[HOUSING_VERSION] ?? NaN)
  return {
    path: '/predict',
    headers: JSON_BODY,
    body: Buffer.from(JSON.stringify(frame)),
    check: (answer) => expectNumbers((jsonOf(answer) as { prediction: unknown }).prediction, expected),
  }
}

function housingTensor(count: number, binary: boolean): Question {
  const rows = manyRows(count).map(sampleAt)
  const values = rows.flatMap((sample) => housing.columns.map((column) => valueOf(sample, column)))
  const expected = rows.map((sample) => sample.predictions[HOUSING_VERSION] ?? NaN)
  return tensorQuestion({
    model: 'housing',
    input: 'x',
    shape: [count, housing.columns.length],
    values,
    expected,
    binary,
  })
}

/** A picture in the layout that vision models take, against the mean of each of its channels. */
function image(binary: boolean): Question {
  const values = Array.from({ length: 3 * PIXELS }, (_, index) => Math.fround(((index * 7919) % 256) / 255))
  const expected = [0, 1, 2].map(
    (channel) =>
      values.slice(channel * PIXELS, (channel + 1) * PIXELS).reduce((sum, value) => sum + value, 0) / PIXELS,
  )
  return tensorQuestion({ model: 'image', input: 'x', shape: [1, 3, 224, 224], values, expected, binary })
}

/** The model squares a matrix of rank one that is its own square, again and again: see models.ts. */
function slow(): Question {
  const values = new Array<number>(512).fill(Math.fround(1 / Math.sqrt(512)))
  return tensorQuestion({ model: 'slow', input: 'x', shape: [1, 512], values, expected: [1], binary: false })
}

type TensorQuestion = {
  model: string
  input: string
  shape: readonly number[]
  values: readonly number[]
  expected: readonly number[]
  binary: boolean
}

/** The Open Inference Protocol V2, as JSON or with its binary extension both ways. */
function tensorQuestion({ model, input, shape, values, expected, binary }: TensorQuestion): Question {
  const path = `/v2/models/${model}/infer`
  const tensor = { name: input, shape, datatype: 'FP32' }
  if (!binary) {
    const body = Buffer.from(JSON.stringify({ inputs: [{ ...tensor, data: values }] }))
    return {
      path,
      headers: JSON_BODY,
      body,
      check: (answer) => expectNumbers(jsonTensor(jsonOf(answer)), expected),
    }
  }
  const bytes = Buffer.from(Float32Array.from(values).buffer)
  const inputs = [{ ...tensor, parameters: { binary_data_size: bytes.length } }]
  const header = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }))
  return {
    path,
    headers: { ...BINARY_BODY, [HEADER_LENGTH]: String(header.length) },
    body: Buffer.concat([header, bytes]),
    check: (answer) => expectNumbers(binaryTensor(answer), expected),
  }
}

function jsonTensor(answer: unknown): unknown {
  return (answer as { outputs: { data: unknown }[] }).outputs[0]?.data
}

function binaryTensor({ status, headers, body }: Answer): number[] {
  const length = Number(headers[HEADER_LENGTH])
  if (status !== 200 || !Number.isInteger(length))
    throw new Error(`${status} ${body.toString().slice(0, 200)}`)
  return Array.from(new Float32Array(Uint8Array.from(body.subarray(length)).buffer))
}

function jsonOf({ status, body }: Answer): unknown {
  if (status !== 200) throw new Error(`${status} ${body.toString().slice(0, 200)}`)
  return JSON.parse(body.toString())
}

function expectNumbers(got: unknown, expected: readonly number[]): void {
  const numbers = Array.isArray(got) ? (got as unknown[]).flat() : []
  const right =
    numbers.length === expected.length &&
    expected.every((value, index) => Math.abs((numbers[index] as number) - value) < TOLERANCE)
  if (!right)
    throw new Error(
      `expected ${expected.slice(0, 3).join(', ')}…, got ${JSON.stringify(got ?? null).slice(0, 200)}`,
    )
}

function manyRows(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index % HOUSING_ROWS)
}

function sampleAt(row: number): Samples['samples'][number] {
  const sample = housing.samples[row]
  if (!sample) throw new Error(`there is no sample ${row}`)
  return sample
}

function valueOf({ request }: Samples['samples'][number], column: string): number {
  const [value = NaN] = Object.values(request[column] ?? {})
  return value
}
