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

// CloudFront's limit is below a millisecond of computing time and not published; this one only ends endless loops. It counts
// computing time too: on a busy machine a thread may stand still for seconds.
const LIMIT_MS = 2000
/** Before the thread is first asked how long it has computed; nearly every run is over by then. */
const PATIENCE_MS = 100

export class FunctionRunner {
  readonly #functions = new Map<string, FunctionCode>()
  readonly #stores = new Map<string, StoreSnapshot>()
  readonly #pending = new Map<number, Pending>()
  #worker: { thread: Worker; online: Promise<unknown> } | undefined
  #runs = 0
  readonly #program: URL

  constructor(program = new URL('./worker.ts', import.meta.url)) {
    this.#program = program
  }

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
      this.#pending.set(run, { worker: thread, resolve, timer: undefined })
      this.#watch(run, PATIENCE_MS)
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
    const thread = new Worker(this.#program, {
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    })
    thread.on('message', ({ run, outcome }: FromWorker) => {
      this.#propagate(run, outcome)
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

  /** Looks after so long whether the thread has computed too much since the first look, and ends it then. */
  #watch(run: number, delayMs: number, firstMs?: number): void {
    const pending = this.#pending.get(run)
    if (pending === undefined) return
    const look = async (): Promise<void> => {
      const nowMs = await computedMs(pending.worker)
      if (!this.#pending.has(run)) return
      if (nowMs === undefined) {
        this.#abandon(pending.worker, 'the thread of the functions ended')
        return
      }
      const leftMs = LIMIT_MS - (nowMs - (firstMs ?? nowMs))
      if (leftMs > 0) this.#watch(run, leftMs, firstMs ?? nowMs)
      else this.#abandon(pending.worker, `the function did not finish within ${LIMIT_MS} ms`)
    }
    pending.timer = setTimeout(() => void look(), delayMs)
  }

  #tell(message: ToWorker): void {
    if (this.#worker !== undefined) post(this.#worker.thread, message)
  }

  #propagate(run: number, outcome: Outcome): void {
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
      if (worker === thread) this.#propagate(run, { type: 'Error', message, logs: [] })
    }
  }
}

/** Computing time of the thread so far; undefined once it has ended. */
async function computedMs(thread: Worker): Promise<number | undefined> {
  const used = await thread.cpuUsage().catch(() => undefined)
  return used && (used.user + used.system) / 1000
}

function post(thread: Worker, message: ToWorker): void {
  thread.postMessage(message)
}
