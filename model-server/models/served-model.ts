import type { Admission } from '../execution/admission.ts'
import type { Executor } from '../execution/executor.ts'
import type { TriedWith } from '../execution/trial.ts'
import type { ModelMetrics } from '../operations/model-metrics.ts'
import type { FrameMapping } from '../tensor/frame-mapping.ts'
import type { Signature } from '../tensor/tensor.ts'

/** A version of a model that passed every check, as the protocols see it. */
export type ServedModel = {
  name: string
  version: string
  /** Of the bytes that it was made from; lower-case hex. */
  sha256: string
  signature: Signature
  /** What it had answered before it served: samples, what was made up, or nothing. */
  triedWith: TriedWith
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

/**
 * Take a place among the requests of a model, or of its handler; give it back with `leave`, exactly once.
 * @throws RequestError 503 where all are taken, which is counted
 */
export function takePlace({
  admission,
  metrics,
}: {
  admission: Pick<Admission, 'enter'>
  metrics: Pick<ModelMetrics, 'rejected'>
}): void {
  try {
    admission.enter()
  } catch (error) {
    metrics.rejected('queue_full')
    throw error
  }
}
