import { Worker } from 'node:worker_threads'
import type { Signature } from '../tensor/tensor.ts'
import { RunnerDied } from './executor.ts'
import type { Run, Runner, Tensors } from './executor.ts'
import { largeBuffers, withOwnBuffers } from './worker-protocol.ts'
import type { WorkerAnswer, WorkerRequest, WorkerStart } from './worker-protocol.ts'

type Waiting = { resolve: (run: Run) => void; reject: (error: Error) => void }

/** A runner in a thread of its own. `died` resolves with the reason once the thread is gone, whoever ended it. */
export type WorkerRunner = Runner & { died: Promise<string> }

/**
 * Start a thread and load the model in it.
 * @throws Error with the words of the runtime, or the reason for which the thread ended
 */
export async function startWorker(script: URL, bytes: SharedArrayBuffer): Promise<WorkerRunner> {
  const start: WorkerStart = { bytes }
  const worker = new Worker(script, { workerData: start })
  const died = deathOf(worker)
  const signature = await readySignature(worker, died)

  let waiting: Waiting | undefined
  const settle = (): Waiting | undefined => {
    const settled = waiting
    waiting = undefined
    return settled
  }
  worker.on('message', (answer: WorkerAnswer) => {
    if (answer.type === 'Ran') settle()?.resolve(answer.run)
    if (answer.type === 'Failed') settle()?.reject(new Error(answer.message))
  })
  let dead: RunnerDied | undefined
  void died.then((reason) => {
    dead = new RunnerDied(`the thread of the model died: ${reason}`)
    settle()?.reject(dead)
  })

  /**
   * Not by `terminate`: a thread that is ended in the middle of a run cannot take what the runtime gives it, and the runtime then
   * ends the whole process. Neither way ends the run itself.
   */
  const leave = (): void => worker.postMessage({ type: 'Leave' } satisfies WorkerRequest)

  return {
    signature,
    died,
    run: (inputs, outputs) =>
      new Promise((resolve, reject) => {
        if (dead) {
          reject(dead)
          return
        }
        waiting = { resolve, reject }
        post(worker, inputs, outputs)
      }),
    abort: leave,
    close: async () => {
      leave()
      await died
    },
  }
}

function post(worker: Worker, inputs: Tensors, outputs: readonly string[]): void {
  const request = { type: 'Run', inputs: withOwnBuffers(inputs), outputs } satisfies WorkerRequest
  worker.postMessage(request, largeBuffers(request.inputs))
}

function deathOf(worker: Worker): Promise<string> {
  return new Promise((resolve) => {
    // Of an error and the exit that follows the first is the reason.
    worker.once('error', (error: Error) => resolve(error.message))
    worker.once('exit', (code) => resolve(`it ended with code ${code}`))
  })
}

async function readySignature(worker: Worker, died: Promise<string>): Promise<Signature> {
  const first = new Promise<WorkerAnswer>((resolve) => worker.once('message', resolve))
  const answer = await Promise.race([first, died])
  if (typeof answer === 'string') throw new Error(`the thread of the model died: ${answer}`)
  if (answer.type === 'Ready') return answer.signature
  await worker.terminate()
  throw new Error(answer.type === 'Refused' ? answer.message : `unexpected ${answer.type}`)
}
