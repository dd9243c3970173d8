/** The one file that knows onnxruntime: our tensors in, our tensors out. */
import './no-telemetry.ts'
import type { Run, Runner } from '../execution/executor.ts'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { portsOf } from './graph.ts'
import { withoutHalfArrays } from './half-arrays.ts'
import { withoutZipMaps } from './zip-map.ts'
import type { Classes } from './zip-map.ts'
import type { Datatype, Signature, Tensor, TensorData, TensorSpec } from '../tensor/tensor.ts'

// The library looks for Float16Array when the first tensor is made.
withoutHalfArrays(() => new OrtTensor('bool', Uint8Array.of(0), []))

// bfloat16 is missing: the binding (1.30) has no type for it.
const DATATYPES: Partial<Record<OrtTensor.Type, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
}

/** The same in the words of a model. */
const SPOKEN = Object.keys(DATATYPES).map(
  (type) => `tensor(${type === 'float32' ? 'float' : type === 'float64' ? 'double' : type})`,
)

const ORT_TYPES = Object.fromEntries(
  Object.entries(DATATYPES).map(([ortType, datatype]) => [datatype, ortType]),
) as Record<Datatype, OrtTensor.Type>

const ADVICE = 'export it as a tensor of one of those, for example with a Cast'

/**
 * Load a model from the very bytes that were hashed.
 * Loading and running block the thread: onnxruntime-node 1.30 is synchronous inside its promises.
 * @throws Error naming the input or output that cannot be served, its type and the remedy, or with the runtime's words
 */
export async function loadModel(model: Uint8Array): Promise<Runner> {
  const { bytes, classes } = withoutZipMaps(model)
  const session = await createSession(bytes)
  return {
    signature: await signatureOrRelease(session, bytes, classes),
    run: (inputs, outputs) => run(session, inputs, outputs),
    close: () => session.release(),
  }
}

async function createSession(bytes: Uint8Array): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, {
      // One thread: bit-identical answers for every batch size, and no pool that spins away a pod's CPU limit.
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // Errors come to us as such; the runtime would print them once more, in color and past the log.
      logSeverityLevel: 4,
    })
  } catch (cause) {
    // The binding names neither the tensor nor its type.
    if ((cause as Error).message.startsWith('Unsupported data type')) checkTypes(bytes)
    throw cause
  }
}

/** @throws Error where the binding has no type for a tensor */
function checkTypes(bytes: Uint8Array): void {
  const { inputs, outputs } = portsOf(bytes)
  const [port] = [
    ...inputs.map((input) => ({ ...input, kind: 'input' })),
    ...outputs.map((output) => ({ ...output, kind: 'output' })),
  ].filter(({ type }) => type.startsWith('tensor(') && !SPOKEN.includes(type))
  if (!port) return
  throw new Error(
    `${port.kind} '${port.name}' is ${port.type}; this server speaks ${SPOKEN.join(', ')}: ${ADVICE}`,
  )
}

/** A session that nobody gets is freed: its memory is the runtime's, of which the garbage collector knows nothing. */
async function signatureOrRelease(
  session: InferenceSession,
  bytes: Uint8Array,
  classes: Classes,
): Promise<Signature> {
  try {
    return signatureOf(session, bytes, classes)
  } catch (error) {
    await session.release()
    throw error
  }
}

async function run(
  session: InferenceSession,
  inputs: ReadonlyMap<string, Tensor>,
  outputs: readonly string[],
): Promise<Run> {
  const feeds: Record<string, OrtTensor> = {}
  for (const [name, tensor] of inputs) {
    feeds[name] = new OrtTensor(ORT_TYPES[tensor.datatype], toOrt(tensor.data), tensor.shape)
  }
  let started = 0
  // The session runs in the next turn of the event loop, right after this: what it waits for until then is not its own time.
  setImmediate(() => (started = performance.now()))
  const results = await session.run(feeds, outputs)
  const seconds = (performance.now() - started) / 1000
  return { outputs: new Map(outputs.map((name) => [name, fromOrt(results[name])])), seconds }
}

function fromOrt(value: InferenceSession.OnnxValueMapType[string] | undefined): Tensor {
  const datatype = value instanceof OrtTensor ? DATATYPES[value.type] : undefined
  if (!value || !datatype) throw new Error('the runtime answered without a tensor')
  return {
    datatype,
    shape: value.dims,
    data: datatype === 'FP16' ? halves(value.data as Uint16Array<ArrayBuffer>) : value.data,
  }
}

/** The bits of halves, which is how the binding takes and gives them. */
function toOrt(data: TensorData): Exclude<TensorData, Float16Array> {
  return data instanceof Float16Array ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data
}

function halves({ buffer, byteOffset, length }: Uint16Array<ArrayBuffer>): Float16Array {
  return new Float16Array(buffer, byteOffset, length)
}

function signatureOf(session: InferenceSession, bytes: Uint8Array, classes: Classes): Signature {
  const { inputs: typed, outputs: made } = portsOf(bytes)
  const typeOf = (ports: typeof typed, name: string): string =>
    ports.find((port) => port.name === name)?.type ?? 'not a tensor'
  const inputs = session.inputMetadata.map((metadata) => {
    const spec = specOf(metadata)
    if (spec) return spec
    const { name } = metadata
    throw new Error(
      `input '${name}' is ${typeOf(typed, name)}; this server speaks ${SPOKEN.join(', ')}: ${ADVICE}`,
    )
  })
  // The binding cannot fetch a sequence or a map; the tensors beside it can be had.
  const outputs = session.outputMetadata.map(specOf).filter((spec) => spec !== undefined)
  const notServed = new Map(
    session.outputMetadata
      .filter((metadata) => specOf(metadata) === undefined)
      .map(({ name }) => [name, `${typeOf(made, name)} is no tensor that the runtime hands over: ${ADVICE}`]),
  )
  if (outputs.length === 0) {
    const reasons = Array.from(notServed, ([name, reason]) => `output '${name}': ${reason}`)
    throw new Error(`the model has no output that this server speaks; ${reasons.join('; ')}`)
  }
  return {
    inputs,
    outputs,
    ...(classes.size > 0 ? { classes } : {}),
    ...(notServed.size > 0 ? { notServed } : {}),
  }
}

function specOf(metadata: InferenceSession.ValueMetadata): TensorSpec | undefined {
  const datatype = metadata.isTensor ? DATATYPES[metadata.type] : undefined
  if (!metadata.isTensor || !datatype) return undefined
  const shape = metadata.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1))
  return { name: metadata.name, datatype, shape }
}
