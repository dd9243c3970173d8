/**
 * What any server of the Open Inference Protocol V2 over REST has to do, as data: requests for a model of which only its own
 * metadata is known, and what may come back. There is no official suite; these follow inference_rest.md of
 * kserve/open-inference-protocol and, where it is silent, what clients rely on.
 */

/** What `GET /v2/models/{model}` says of a tensor; -1 is a variable dimension. */
export type TensorMetadata = { name: string; datatype: string; shape: number[] }

/** What `GET /v2/models/{model}` says. */
export type ModelMetadata = {
  name: string
  versions?: string[]
  platform: string
  inputs: TensorMetadata[]
  outputs: TensorMetadata[]
}

/** An answer, as far as it is looked at. */
export type Answer = { status: number; headers: Headers; body: Buffer }

/** A request and what may come back for it. */
export type Vector = {
  title: string
  method?: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  body?: Buffer
  /** The codes that are right. */
  status: readonly number[]
  /** What is wrong with the rest of the answer; undefined where nothing is. */
  look?: (answer: Answer) => string | undefined
}

const OK = [200]
/** The protocol leaves the code open and names 400; FastAPI's servers say 422. */
const REFUSED = [400, 422]
const UNKNOWN = [404, 400]
const SIZES: Record<string, number> = {
  BOOL: 1,
  UINT8: 1,
  INT8: 1,
  UINT16: 2,
  INT16: 2,
  UINT32: 4,
  INT32: 4,
  FP32: 4,
  UINT64: 8,
  INT64: 8,
  FP64: 8,
}

type Json = Record<string, unknown>
type Input = TensorMetadata & { data: unknown[] }

/** Every variable dimension as 1, every element zero, false or empty. */
function zeros({ name, datatype, shape }: TensorMetadata): Input {
  const concrete = shape.map((size) => (size === -1 ? 1 : size))
  const zero = datatype === 'BYTES' ? '' : datatype === 'BOOL' ? false : 0
  return { name, datatype, shape: concrete, data: Array.from({ length: product(concrete) }, () => zero) }
}

function product(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1)
}

/** Elements in lists as the shape says. */
function nest(data: unknown[], shape: readonly number[]): unknown[] {
  const [size, ...inner] = shape
  if (size === undefined || inner.length === 0) return data
  const step = product(inner)
  return Array.from({ length: size }, (_, at) => nest(data.slice(at * step, (at + 1) * step), inner))
}

function parse({ body }: Answer): Json {
  return JSON.parse(body.toString()) as Json
}

function looksRefused(answer: Answer): string | undefined {
  const { error } = parse(answer)
  return typeof error === 'string' && error !== '' ? undefined : 'the body is no {"error": message}'
}

/** The protocol itself. */
export function coreVectors(model: ModelMetadata): Vector[] {
  return [...serverVectors(model), ...answeredVectors(model), ...refusedVectors(model)]
}

function serverVectors(model: ModelMetadata): Vector[] {
  const path = `/v2/models/${model.name}`
  return [
    {
      title: 'the server says its name, version and extensions',
      path: '/v2',
      status: OK,
      look: (answer) => {
        const { name, version, extensions } = parse(answer)
        const isRight = typeof name === 'string' && typeof version === 'string' && Array.isArray(extensions)
        return isRight ? undefined : 'name, version or extensions is missing'
      },
    },
    { title: 'the server is live', path: '/v2/health/live', status: OK },
    { title: 'the server is ready', path: '/v2/health/ready', status: OK },
    { title: 'the model is ready', path: `${path}/ready`, status: OK },
    {
      title: 'the model says what it takes and gives',
      path,
      status: OK,
      look: (answer) => {
        const { name, platform, inputs, outputs } = parse(answer)
        const isRight = name === model.name && typeof platform === 'string' && Array.isArray(inputs)
        return isRight && Array.isArray(outputs) ? undefined : 'name, platform, inputs or outputs is missing'
      },
    },
    ...(model.versions ?? []).map((version) => ({
      title: `version ${version} of the model is there`,
      path: `${path}/versions/${version}`,
      status: OK,
    })),
    {
      title: 'another model is not there',
      path: '/v2/models/no-such-model',
      status: UNKNOWN,
      look: looksRefused,
    },
    {
      title: 'another version of the model is not there',
      path: `${path}/versions/987654321`,
      status: UNKNOWN,
      look: looksRefused,
    },
  ]
}

function answeredVectors(model: ModelMetadata): Vector[] {
  const inputs = model.inputs.map(zeros)
  const infer = inferVector(model)
  const complete = (answer: Answer): string | undefined => looksAnswered(answer, model, model.outputs)
  const [first] = model.outputs
  return [
    infer('zeros, flat', { inputs }, { status: OK, look: complete }),
    infer(
      'zeros, nested as the shape says',
      { inputs: inputs.map((input) => ({ ...input, data: nest(input.data, input.shape) })) },
      { status: OK, look: complete },
    ),
    infer('parameters that mean nothing', { inputs, parameters: { a: 1, b: 'c', d: true } }, { status: OK }),
    infer(
      'an id, which comes back',
      { id: 'a-b_c 7', inputs },
      {
        status: OK,
        look: (answer) => (parse(answer).id === 'a-b_c 7' ? undefined : 'the id did not come back'),
      },
    ),
    infer(
      'the first output only',
      { inputs, outputs: [{ name: first?.name }] },
      { status: OK, look: (answer) => looksAnswered(answer, model, model.outputs.slice(0, 1)) },
    ),
  ]
}

/** One entry for each way of being wrong; all of them start from a request that is right. */
function refusedVectors(model: ModelMetadata): Vector[] {
  const inputs = model.inputs.map(zeros)
  const infer = inferVector(model)
  const [one, ...rest] = inputs
  if (!one) return []
  const refused = (title: string, body: unknown): Vector =>
    infer(title, body, { status: REFUSED, look: looksRefused })
  const changed = (title: string, changes: Json): Vector =>
    refused(title, { inputs: [{ ...one, ...changes }, ...rest] })
  const deep = JSON.stringify({ inputs: [{ ...one, data: 'HERE' }, ...rest] }).replace(
    '"HERE"',
    `${'['.repeat(200_000)}${']'.repeat(200_000)}`,
  )
  const alive = infer('right after that it answers', { inputs }, { status: OK })
  return [
    { ...refused('a body that is no JSON', ''), body: Buffer.from('{"inputs":') },
    refused('a body that is a list', [1]),
    refused('no inputs', {}),
    refused('an input is missing', { inputs: rest }),
    refused('an input twice', { inputs: [...inputs, one] }),
    refused('an unknown input', { inputs: [...inputs, { ...one, name: 'no such input' }] }),
    refused('an unknown output', { inputs, outputs: [{ name: 'no such output' }] }),
    changed('another datatype', { datatype: one.datatype === 'FP32' ? 'INT32' : 'FP32' }),
    changed('a datatype that does not exist', { datatype: 'FP33' }),
    changed('an element too few', { data: one.data.slice(1) }),
    changed('an element too many', { data: [...one.data, ...one.data.slice(0, 1)] }),
    changed('a negative dimension', { shape: one.shape.map((size, axis) => (axis === 0 ? -size : size)) }),
    changed('half a dimension', { shape: one.shape.map((size, axis) => (axis === 0 ? size + 0.5 : size)) }),
    changed('a shape in words', { shape: 'all' }),
    changed('a dimension too many', { shape: [...one.shape, 1] }),
    changed('a shape whose product overflows 64 bits', { shape: [16, 2 ** 60, ...one.shape.slice(2)] }),
    changed('an element of another type', { data: one.data.map(() => ({ not: 'an element' })) }),
    changed('no data', { data: undefined }),
    alive,
    { ...refused('brackets 200,000 deep', ''), body: Buffer.from(deep) },
    alive,
  ]
}

/** The binary tensor data extension. */
export function binaryVectors(model: ModelMetadata): Vector[] {
  const inputs = model.inputs.map(zeros)
  const sizes = inputs.map(({ datatype, shape }) => product(shape) * (SIZES[datatype] ?? 4))
  const json = {
    parameters: { binary_data_output: true },
    inputs: inputs.map(({ name, datatype, shape }, at) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: sizes[at] },
    })),
  }
  const head = Buffer.from(JSON.stringify(json))
  const size = sizes.reduce((sum, one) => sum + one, 0)
  // Zeros of every type are zero bytes, and so are empty texts: each a length of zero.
  const whole = Buffer.concat([head, Buffer.alloc(size)])
  const vector = (title: string, length: string | undefined, body: Buffer, isRight = false): Vector => ({
    title: `bytes: ${title}`,
    method: 'POST',
    path: `/v2/models/${model.name}/infer`,
    headers: {
      'content-type': length === undefined ? 'application/json' : 'application/octet-stream',
      ...(length === undefined ? {} : { 'inference-header-content-length': length }),
    },
    body,
    status: isRight ? OK : REFUSED,
    look: isRight ? looksBinary : looksRefused,
  })
  const length = String(head.length)
  return [
    vector('all inputs and outputs', length, whole, true),
    vector('one missing', length, whole.subarray(0, -1)),
    vector('one left over', length, Buffer.concat([whole, Buffer.alloc(1)])),
    vector('no header', undefined, head),
    vector('a negative header', '-1', whole),
    vector('a header in words', 'some', whole),
    vector('a header beyond the body', String(whole.length + 1), whole),
    vector('a header beyond all bodies', '99999999999', whole),
  ]
}

type Expected = Pick<Vector, 'status' | 'look'>

function inferVector(model: ModelMetadata): (title: string, body: unknown, expected: Expected) => Vector {
  return (title, body, expected) => ({
    title: `infer: ${title}`,
    method: 'POST',
    path: `/v2/models/${model.name}/infer`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
    ...expected,
  })
}

function looksAnswered(
  answer: Answer,
  model: ModelMetadata,
  expected: readonly TensorMetadata[],
): string | undefined {
  const { model_name: name, outputs } = parse(answer) as { model_name?: string; outputs?: Input[] }
  if (name !== model.name) return `model_name is ${String(name)}`
  if (!Array.isArray(outputs) || outputs.length !== expected.length)
    return 'the outputs are not those asked for'
  for (const { name: wanted, datatype } of expected) {
    const output = outputs.find((candidate) => candidate.name === wanted)
    if (!output) return `output '${wanted}' is missing`
    if (output.datatype !== datatype) return `output '${wanted}' is ${output.datatype}, not ${datatype}`
    const count = output.data.flat(Infinity).length
    if (count !== product(output.shape)) return `output '${wanted}' has ${count} elements for its shape`
  }
  return undefined
}

function looksBinary({ headers, body }: Answer): string | undefined {
  const length = Number(headers.get('inference-header-content-length') ?? NaN)
  if (!(length > 0 && length <= body.length)) return 'the header does not say where the JSON ends'
  const { outputs } = JSON.parse(body.subarray(0, length).toString()) as {
    outputs: { data?: unknown; parameters?: { binary_data_size?: number } }[]
  }
  if (outputs.some(({ data }) => data !== undefined)) return 'an output has data beside its bytes'
  const size = outputs.reduce((sum, { parameters }) => sum + (parameters?.binary_data_size ?? NaN), 0)
  return size === body.length - length ? undefined : 'the sizes of the outputs do not add up to the body'
}
