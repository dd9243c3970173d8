/** What is counted of the handler. */
import type { Metrics } from '../operations/metrics.ts'
import { Tally, registerFamily } from '../operations/series.ts'
import type { Loss } from './handler-pool.ts'
import type { Times } from './messages.ts'

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const STAGE = 'model_server_handler_stage_duration_seconds'

/** Beside the requests themselves, which are counted with those of its model, as protocol `run`. */
export class HandlerMetrics {
  readonly #stages = { preprocess: new Tally(SECONDS), postprocess: new Tally(SECONDS) }
  readonly #losses: Record<Loss, number> = { Crashed: 0, DidNotStop: 0 }
  #depth = (): number => 0

  constructor({ registry }: Metrics) {
    registerFamily(registry, {
      name: STAGE,
      type: 'histogram',
      help: 'Time before and after the model, of requests that the handler answered.',
      samples: () =>
        Object.entries(this.#stages).flatMap(([stage, tally]) => tally.samples(STAGE, { stage })),
    })
    registerFamily(registry, {
      name: 'model_server_handler_threads_lost_total',
      type: 'counter',
      help: 'Threads of the handler that were replaced, because they crashed or did not stop in time.',
      samples: () => Object.entries(this.#losses).map(([reason, value]) => ({ labels: { reason }, value })),
    })
    registerFamily(registry, {
      name: 'model_server_handler_queue_depth',
      type: 'gauge',
      help: 'Requests at a thread of the handler, or waiting for one.',
      samples: () => [{ labels: {}, value: this.#depth() }],
    })
  }

  /** A request was answered. */
  readonly answered = ({ preprocess, postprocess }: Times): void => {
    this.#stages.preprocess.observe(preprocess)
    this.#stages.postprocess.observe(postprocess)
  }

  /** A thread was lost. */
  readonly lost = (loss: Loss): void => {
    this.#losses[loss] += 1
  }

  /** Where to read, at each scrape, how many requests are inside. */
  watch(depth: () => number): void {
    this.#depth = depth
  }
}
