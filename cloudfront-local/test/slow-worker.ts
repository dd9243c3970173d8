/** The thread of functions on a busy machine: it stands still before each run, for longer than a run may compute. */
import { parentPort } from 'node:worker_threads'
import type { ToWorker } from '../functions/event.ts'

parentPort?.on('message', ({ type }: ToWorker) => {
  if (type === 'Run') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
})
await import('../functions/worker.ts')
