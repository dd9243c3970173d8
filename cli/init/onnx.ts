/** What a model takes and gives: the one place here that knows onnxruntime, which is loaded only when a model is read. */
import { CliError } from '../errors.ts'

export type Tensor = { name: string; datatype: string; shape: (number | string)[] }
export type Signature = { inputs: Tensor[]; outputs: Tensor[] }

/** Names of the Open Inference Protocol for those of onnxruntime; the others are the same in capitals, such as uint16. */
const DATATYPES: Record<string, string> = {
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
}

type Metadata = readonly {
  name: string
  isTensor: boolean
  type?: string
  shape?: readonly (number | string)[]
}[]

/** @throws CliError where the bytes are no model, or nothing here can read one. */
export async function signatureOf(file: string, bytes: Uint8Array): Promise<Signature> {
  const { InferenceSession } = await runtime()
  try {
    const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 })
    return { inputs: tensorsOf(session.inputMetadata), outputs: tensorsOf(session.outputMetadata) }
  } catch (cause) {
    throw new CliError(`${file} cannot be read as an ONNX model: ${(cause as Error).message}`, undefined, {
      cause,
    })
  }
}

async function runtime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node')
  } catch (cause) {
    throw new CliError('reading a model needs onnxruntime: npm install -g onnxruntime-node', undefined, {
      cause,
    })
  }
}

function tensorsOf(metadata: Metadata): Tensor[] {
  return metadata.map(({ name, type = '', shape = [] }) => ({
    name,
    datatype: DATATYPES[type] ?? type.toUpperCase(),
    shape: [...shape],
  }))
}
