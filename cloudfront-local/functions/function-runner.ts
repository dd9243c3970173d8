/** Runs functions in a thread of its own: whatever they do, the edge goes on. */
import { Worker } from 'node:worker_threads'
import type {
  FromWorker,
  FunctionCode,
  Outcome,
  StoreSnapshot,
  ToWorker,
  ViewerRequestEvent,
} from './event.ts'

type Pending = { worker: Worker; resolve: (outcome: Outcome) => void; timer: NodeJS.Timeout | undefined }

// CloudFront's limit is below a millisecond of computing time and not published; this one only ends endless loops.
const LIMIT_MS = 2000

export class FunctionRunner {
  readonly #functions = new Map<string, FunctionCode>()
  readonly #stores = new Map<string, StoreSnapshot>()
  readonly #pending = new Map<number, Pending>()
  #worker: { thread: Worker; online: Promise<unknown> } | undefined
  #runs = 0

  /** From now on, runs of this function use this code. */
  provideFunction(code: FunctionCode): void {
    this.#functions.set(code.arn, code)
    this.#tell({ type: 'Function', function: code })
  }

  /** From now on, runs read this snapshot of the store. */
  provideStore(store: StoreSnapshot): void {
    this.#stores.set(store.arn, store)
    this.#tell({ type: 'Store', store })
  }

  /** Start the thread ahead of the first request. */
  warmUp(): void {
    this.#start()
  }

  /** Never rejects. `originIds` are what `selectRequestOriginById` accepts; left out, it accepts everything. */
  async run(arn: string, event: ViewerRequestEvent, originIds?: readonly string[]): Promise<Outcome> {
    const { thread, online } = this.#start()
    await online
    this.#runs += 1
    const run = this.#runs
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#abandon(thread, `the function did not finish within ${LIMIT_MS} ms`)
      }, LIMIT_MS)
      this.#pending.set(run, { worker: thread, resolve, timer })
      post(thread, { type: 'Run', run, arn, event, ...(originIds === undefined ? {} : { originIds }) })
    })
  }

  async close(): Promise<void> {
    const thread = this.#worker?.thread
    if (thread === undefined) return
    this.#abandon(thread, 'the edge was closed')
    await thread.terminate()
  }

  #start(): { thread: Worker; online: Promise<unknown> } {
    if (this.#worker !== undefined) return this.#worker
    const thread = new Worker(new URL('./worker.ts', import.meta.url), {
      // Functions are ES modules in a context; Node has such modules behind this flag, and says so on stderr.
      execArgv: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    })
    thread.on('message', ({ run, outcome }: FromWorker) => {
      this.#settle(run, outcome)
    })
    thread.on('error', (error) => {
      this.#abandon(thread, `the thread of the functions ended: ${String(error)}`)
    })
    const online = new Promise((resolve) => {
      thread.once('online', resolve)
      thread.once('exit', resolve)
    })
    // The edge's listeners keep the process alive, and they alone.
    thread.unref()
    this.#worker = { thread, online }
    for (const store of this.#stores.values()) post(thread, { type: 'Store', store })
    for (const code of this.#functions.values()) post(thread, { type: 'Function', function: code })
    return this.#worker
  }

  #tell(message: ToWorker): void {
    if (this.#worker !== undefined) post(this.#worker.thread, message)
  }

  #settle(run: number, outcome: Outcome): void {
    const pending = this.#pending.get(run)
    if (pending === undefined) return
    this.#pending.delete(run)
    clearTimeout(pending.timer)
    pending.resolve(outcome)
  }

  /** The thread is of no more use; the next run gets a new one. */
  #abandon(thread: Worker, message: string): void {
    if (this.#worker?.thread === thread) this.#worker = undefined
    void thread.terminate()
    for (const [run, { worker }] of [...this.#pending]) {
      if (worker === thread) this.#settle(run, { type: 'Error', message, logs: [] })
    }
  }
}

function post(thread: Worker, message: ToWorker): void {
  thread.postMessage(message)
}
