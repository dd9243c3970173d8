/** Where a model is run. `auto` takes workers for one whose largest batch takes longer than a millisecond. */
export type ServingMode = (typeof SERVING_MODES)[number]

/** All of them. */
export const SERVING_MODES = ['auto', 'inline', 'workers'] as const

/** What may be set of a model's execution. */
export type ExecutionSettings = {
  servingMode: ServingMode
  /** Threads of a model that has threads; undefined leaves one processor to the event loop. */
  workers: number | undefined
  maxBatchSize: number
  batchDelayMs: number
}
