// In the environment of the process: a thread changes only a copy of it, which the library does not read.
import './no-telemetry.ts'
import { startWorker } from '../execution/worker-runner.ts'
import type { WorkerRunner } from '../execution/worker-runner.ts'

/** Run a model in a thread of its own. */
export function startModelWorker(bytes: SharedArrayBuffer): Promise<WorkerRunner> {
  return startWorker(new URL('./worker.ts', import.meta.url), bytes)
}
