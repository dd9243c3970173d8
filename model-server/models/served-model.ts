import type { Admission } from '../execution/admission.ts'
import type { Executor } from '../execution/executor.ts'
import type { ModelMetrics } from '../operations/model-metrics.ts'
import type { FrameMapping } from '../protocols/predict-codec.ts'
import type { Signature } from '../tensor/tensor.ts'

/** A version of a model that passed every check, as the protocols see it. */
export type ServedModel = {
  name: string
  version: string
  /** Of the bytes that it was made from; lower-case hex. */
  sha256: string
  signature: Signature
  /** How `/predict` fills the input, or why it cannot. */
  frame: FrameMapping | string
  /** Frees it; to be called once nobody is inside any more. */
  close: Executor['close']
  infer: Executor['infer']
  /** Why it cannot answer for now, although it is loaded. */
  unavailableBecause: Executor['unavailableBecause']
  admission: Admission
  metrics: ModelMetrics
}
