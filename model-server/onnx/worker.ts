/** A thread that runs a model, so that nobody else waits for it; execution/worker-runner.ts starts it. */
import { parentPort, workerData } from 'node:worker_threads'
import { largeBuffers } from '../execution/worker-protocol.ts'
import type { WorkerAnswer, WorkerRequest, WorkerStart } from '../execution/worker-protocol.ts'
import type { Runner } from '../execution/executor.ts'
import { loadModel } from './session.ts'

if (!parentPort) throw new Error('onnx/worker.ts is for a worker thread')
const port = parentPort

function answer(message: WorkerAnswer, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

async function serve(runner: Runner, request: WorkerRequest): Promise<void> {
  if (request.type === 'Leave') process.exit(1)
  const { inputs, outputs } = request
  try {
    const run = await runner.run(inputs, outputs)
    answer({ type: 'Ran', run }, largeBuffers(run.outputs))
  } catch (error) {
    answer({ type: 'Failed', message: (error as Error).message })
  }
}

try {
  const { bytes } = workerData as WorkerStart
  // The runtime takes no shared memory. It makes a copy of its own as well, and this one is gone after that.
  const runner = await loadModel(new Uint8Array(bytes).slice())
  port.on('message', (request: WorkerRequest) => void serve(runner, request))
  answer({ type: 'Ready', signature: runner.signature })
} catch (error) {
  answer({ type: 'Refused', message: (error as Error).message })
}
