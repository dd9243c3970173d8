import { rowsOf } from './batch.ts'
import { sizeOf } from './costs.ts'
import type { Executor, Tensors } from './executor.ts'
import type { Sharing } from './sharing.ts'

/** Where requests go. */
type Ways = {
  here: Executor
  inThreads: Executor
  /** Whether a run over so much (see sizeOf) may happen on the event loop. */
  isFast: (size: number) => boolean
  sharing: Sharing
}

/** Runs on the event loop what is fast, and in threads what is not: by what requests of that size really take. */
export class AdaptiveExecutor implements Executor {
  readonly #ways: Ways

  constructor(ways: Ways) {
    this.#ways = ways
  }

  readonly infer: Executor['infer'] = (inputs, outputs, call) => {
    const { here, inThreads } = this.#ways
    return (this.#isFast(inputs) ? here : inThreads).infer(inputs, outputs, call)
  }

  // What is fast can be answered whatever the threads do.
  readonly unavailableBecause: Executor['unavailableBecause'] = () => this.#ways.here.unavailableBecause()

  readonly close: Executor['close'] = async () => {
    await Promise.all([this.#ways.here.close(), this.#ways.inThreads.close()])
  }

  /** A request of more rows than share a run is cut in pieces of so many. */
  #isFast(inputs: Tensors): boolean {
    const { isFast, sharing } = this.#ways
    const size = sizeOf(inputs)
    const { maxRows } = sharing
    const rows = maxRows === 1 ? 1 : rowsOf(inputs)
    return isFast(rows > maxRows ? (size * maxRows) / rows : size)
  }
}
