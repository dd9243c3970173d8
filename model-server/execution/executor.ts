/** How a loaded model is run: on the event loop or in threads of its own, and several requests at once where it allows that. */
import type { Signature, Tensor } from '../tensor/tensor.ts'
import type { Call } from './call.ts'

/** Tensors by name. */
export type Tensors = ReadonlyMap<string, Tensor>

/** What came out of one run, and what it took in the model itself. */
export type Run = { outputs: Map<string, Tensor>; seconds: number }

/** One session of the runtime. It runs one inference at a time. */
export type Runner = {
  signature: Signature
  /** Expects inputs that were checked against the signature. Rejects with the runtime's own words: log them, do not send them. */
  run: (inputs: Tensors, outputs: readonly string[]) => Promise<Run>
  /** Ends a run that will not end by itself, and the session with it; undefined where nothing can. */
  abort?: (reason: string) => void
  close: () => Promise<void>
}

/** The session went away during a run, for example with its thread. */
export class RunnerDied extends Error {
  override readonly name = 'RunnerDied'
}

/** Where runs happen: each runner takes one at a time. */
export type Lanes = {
  /** How many there are when all are well. */
  size: number
  /** A runner that is free; the caller's until it is released. Undefined where none is. */
  acquire: () => Runner | undefined
  release: (runner: Runner) => void
  /** The listener is told of every runner that became free in another way than by `release`. */
  onFree: (listener: () => void) => void
  /** Why no run can happen now; undefined where one can. */
  unavailableBecause: () => string | undefined
  close: () => Promise<void>
}

/** Answers checked requests with a model, in whatever way suits it. */
export type Executor = {
  /** @throws RequestError 504 where the call's deadline passes first, 503 where its session dies */
  infer: (inputs: Tensors, outputs: readonly string[], call: Call) => Promise<Map<string, Tensor>>
  /** Why it cannot answer now; undefined where it can. */
  unavailableBecause: () => string | undefined
  /** After the last call was answered: ends threads and frees the sessions. */
  close: () => Promise<void>
}

/** Told how requests fare. The functions need no `this`. */
export type ExecutionObserver = {
  /** A request waited this long for the run that answers it. */
  queued: (seconds: number) => void
  /** The model ran once over this many rows. */
  ran: (rows: number, seconds: number) => void
  /** Requests share no run any more, since one would have got another answer. */
  sharingEnded: () => void
}
