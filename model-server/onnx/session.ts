/** The one file that knows onnxruntime: our tensors in, our tensors out. */
import './no-telemetry.ts'
import type { Run, Runner } from '../execution/executor.ts'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import type { Datatype, Signature, Tensor, TensorSpec } from '../tensor/tensor.ts'

// float16 is missing: on Node 24 onnxruntime-node 1.30 fails with "not enough space" on the Float16Array that it asks for.
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
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
}

const ORT_TYPES = Object.fromEntries(
  Object.entries(DATATYPES).map(([ortType, datatype]) => [datatype, ortType]),
) as Record<Datatype, OrtTensor.Type>

/**
 * Load a model from the very bytes that were hashed.
 * Loading and running block the thread: onnxruntime-node 1.30 is synchronous inside its promises.
 */
export async function loadModel(bytes: Uint8Array): Promise<Runner> {
  const session = await InferenceSession.create(bytes, {
    // One thread: bit-identical answers for every batch size, and no pool that spins away a pod's CPU limit.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // Errors come to us as such; the runtime would print them once more, in color and past the log.
    logSeverityLevel: 4,
  })
  return {
    signature: await signatureOrRelease(session),
    run: (inputs, outputs) => run(session, inputs, outputs),
    close: () => session.release(),
  }
}

/** A session that nobody gets is freed: its memory is the runtime's, of which the garbage collector knows nothing. */
async function signatureOrRelease(session: InferenceSession): Promise<Signature> {
  try {
    return signatureOf(session)
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
    feeds[name] = new OrtTensor(ORT_TYPES[tensor.datatype], tensor.data, tensor.shape)
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
  return { datatype, shape: value.dims, data: value.data }
}

function signatureOf(session: InferenceSession): Signature {
  const inputs = session.inputMetadata.map((metadata) => {
    const spec = specOf(metadata)
    if (!spec) {
      const type = metadata.isTensor ? metadata.type : 'not a tensor'
      throw new Error(
        `input '${metadata.name}' is ${type}; this server speaks ${Object.keys(DATATYPES).join(', ')}`,
      )
    }
    return spec
  })
  // A sequence or map output (ZipMap) cannot be fetched through the binding; the tensors beside it can.
  const outputs = session.outputMetadata.map(specOf).filter((spec) => spec !== undefined)
  if (outputs.length === 0)
    throw new Error(
      'the model has no output that this server speaks (from scikit-learn? export with zipmap=False)',
    )
  return { inputs, outputs }
}

function specOf(metadata: InferenceSession.ValueMetadata): TensorSpec | undefined {
  const datatype = metadata.isTensor ? DATATYPES[metadata.type] : undefined
  if (!metadata.isTensor || !datatype) return undefined
  const shape = metadata.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1))
  return { name: metadata.name, datatype, shape }
}
