/** How a loaded model is run: at once, batched, or in threads of its own. */
import type { Signature, Tensor } from '../tensor/tensor.ts'
import type { Call } from './call.ts'

/** Tensors by name. */
export type Tensors = ReadonlyMap<string, Tensor>

/** One session of the runtime. It runs one inference at a time. */
export type Runner = {
  signature: Signature
  /** Expects inputs that were checked against the signature. Rejects with the runtime's own words: log them, do not send them. */
  run: (inputs: Tensors, outputs: readonly string[]) => Promise<Map<string, Tensor>>
  close: () => Promise<void>
}

/** Answers checked requests with a model, in whatever way suits it. */
export type Executor = {
  /** @throws RequestError 504 where the call's deadline passes first */
  infer: (inputs: Tensors, outputs: readonly string[], call: Call) => Promise<Map<string, Tensor>>
  /** After the last call was answered: ends threads and frees the sessions. */
  close: () => Promise<void>
}

/** Told of every run of a model; `rows` is the size of the batch. */
export type RunObserver = (rows: number, seconds: number) => void
