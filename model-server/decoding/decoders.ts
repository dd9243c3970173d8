/** How the bodies of the protocols become tensors. It happens on the event loop or in a thread, and looks at nothing else. */
import { parseJson } from '../http/body.ts'
import { RequestError } from '../http/request-error.ts'
import type { ServedModel } from '../models/served-model.ts'
import { decodeCsv, decodeInvocation } from '../protocols/mlflow-codec.ts'
import type { Asked as GrpcAsked } from '../protocols/grpc/message-bytes.ts'
import type { Invocation } from '../protocols/mlflow-codec.ts'
import type { PlainInputs } from '../protocols/plain-tensors.ts'
import { decodeFrame } from '../protocols/predict-codec.ts'
import { decodePredictRequest } from '../protocols/v1-codec.ts'
import { decodeBody } from '../protocols/v2-body.ts'
import type { InferRequest } from '../protocols/v2-codec.ts'
import { parserFor } from '../tensor/exact-json.ts'

/** What decoding looks at of a model. */
export type Asked = Pick<ServedModel, 'signature' | 'frame'>

/** What becomes of a body of each form. */
export type Decoded = {
  v2: InferRequest
  v1: PlainInputs
  /** And the output that is the prediction. */
  predict: Pick<PlainInputs, 'inputs'> & { rows: number; output: string }
  mlflow: Invocation
  csv: Invocation
  grpc: GrpcAsked
}

/** Of bodies of HTTP; messages of gRPC need packages that are loaded only where they are asked for. */
export type HttpForm = Exclude<keyof Decoded, 'grpc'>

/** @throws RequestError naming the field, what was expected and what came */
type Decoder<T> = (body: Buffer, model: Asked, jsonLength: string | undefined) => T

/** By form; `jsonLength` is the value of V2's header. */
export const DECODERS: { [Form in HttpForm]: Decoder<Decoded[Form]> } = {
  v2: (body, { signature }, jsonLength) => decodeBody(body, jsonLength, signature),
  v1: (body, { signature }) => decodePredictRequest(parseJson(body, parserFor(signature)), signature),
  predict: (body, { frame }) => {
    if (typeof frame === 'string') throw new RequestError(501, `/predict is not available: ${frame}`)
    const matrix = decodeFrame(parseJson(body), frame)
    return { inputs: new Map([[frame.input, matrix]]), rows: matrix.shape[0] ?? 0, output: frame.output }
  },
  mlflow: decodeInvocation,
  csv: decodeCsv,
}
