/** Brings waiting requests and free runners together, several requests in one run where the model allows it. */
import { RequestError } from '../http/request-error.ts'
import { NotRowWise, batchKeys, joinRows, piecesOf, rowsOf, splitRows } from './batch.ts'
import type { Tensor, Signature } from '../tensor/tensor.ts'
import { deadlinePassed } from './call.ts'
import type { Call } from './call.ts'
import { RunnerDied } from './executor.ts'
import { sizeOf } from './costs.ts'
import { isSameAnswer } from './same-answer.ts'
import type { Sharing } from './sharing.ts'
import type { ExecutionObserver, Executor, Lanes, Run, Runner, Tensors } from './executor.ts'

/** What the scheduler needs besides requests. */
export type SchedulerOptions = {
  signature: Signature
  lanes: Lanes
  sharing: Sharing
  /** How long a request waits for company while a runner is free. 0 takes those that came in the same turn of the event loop. */
  delayMs: number
  /** Whether a run over so much (see sizeOf) may happen on these lanes, as long as it is not one request alone. */
  mayRun?: (size: number) => boolean
  /** A run that goes on for this long after the last deadline of its requests is taken for one that never ends. */
  hopelessAfterMs: number
  observer: ExecutionObserver
  /** Told of every run, for how many requests it was and what it took. */
  learn?: (inputs: Tensors, requests: number, seconds: number) => void
}

type Answer = Map<string, Tensor>

/** A request, or a piece of one, that waits or runs. */
type Entry = {
  inputs: Tensors
  outputs: readonly string[]
  rows: number
  /** See sizeOf; 0 where nobody asks for it. */
  size: number
  /** Entries with the same key may share a run; undefined runs alone. */
  key: string | undefined
  call: Call
  /** Set for the pieces of one request: whether one of them failed, which makes the others pointless. */
  whole: { failed: boolean } | undefined
  since: number
  settled: boolean
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

type Running = { runner: Runner; entries: readonly Entry[] }

/** A queue is swept for entries that nobody waits for once it has this length, and again each time it has doubled. */
const SWEEP_LENGTH = 64

/** An executor over any lanes. One request that fails harms no other, and none is run whose deadline has passed or whose client has left. */
export class Scheduler implements Executor {
  readonly #options: SchedulerOptions
  readonly #sharing: Sharing
  readonly #keyOf: ReturnType<typeof batchKeys>
  #queue: Entry[] = []
  /** Few, and no Set: see Drain. */
  readonly #running: Running[] = []
  #pumpDue = false
  #delay: NodeJS.Timeout | undefined
  #alarm: { atMs: number; timer: NodeJS.Timeout } | undefined
  #sweepLength = SWEEP_LENGTH
  /** Which of a batch was asked again last. */
  #proven = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#keyOf = batchKeys(options.signature)
    this.#sharing = options.sharing
    options.lanes.onFree(() => this.#pump())
  }

  readonly infer = async (inputs: Tensors, outputs: readonly string[], call: Call): Promise<Answer> => {
    const since = performance.now()
    if (call.isPointless(since)) throw deadlinePassed()
    const rows = rowsOf(inputs)
    const { maxRows } = this.#sharing
    const key = maxRows > 1 ? this.#keyOf(inputs, outputs) : undefined
    const size = key !== undefined && this.#options.mayRun ? sizeOf(inputs) : 0
    const asked = { inputs, outputs, rows, size, key, call, since }
    return key !== undefined && rows > maxRows && hasElements(inputs)
      ? this.#inPieces(asked)
      : this.#enqueue({ ...asked, whole: undefined })
  }

  readonly unavailableBecause = (): string | undefined => this.#options.lanes.unavailableBecause()

  readonly close = async (): Promise<void> => {
    clearTimeout(this.#delay)
    clearTimeout(this.#alarm?.timer)
    await this.#options.lanes.close()
  }

  /**
   * Trees get slower per row beyond some size of a batch, and nobody should wait for all of a large request to end: each lane takes
   * its next piece when it has answered one, behind whoever came meanwhile.
   */
  async #inPieces(asked: Omit<Entry, 'whole' | 'settled' | 'resolve' | 'reject'>): Promise<Answer> {
    const whole = { failed: false }
    const pieces = piecesOf(asked.inputs, this.#sharing.maxRows)
    const answers: Answer[] = []
    const takeTurns = async (): Promise<void> => {
      for (const [index, inputs] of pieces) {
        const rows = rowsOf(inputs)
        answers[index] = await this.#enqueue({
          ...asked,
          inputs,
          rows,
          size: (asked.size * rows) / asked.rows,
          whole,
        })
      }
    }
    try {
      await Promise.all(Array.from({ length: this.#options.lanes.size }, takeTurns))
      return joinRows(answers)
    } catch (error) {
      whole.failed = true
      throw error
    }
  }

  #enqueue(asked: Omit<Entry, 'settled' | 'resolve' | 'reject'>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= this.#sweepLength) this.#sweep()
      this.#queue.push({ ...asked, settled: false, resolve, reject })
      this.#wakeBy(asked.call.deadlineMs)
      if (this.#pumpDue) return
      this.#pumpDue = true
      // Whatever this turn of the event loop still reads from its sockets comes along, and nothing waits for it.
      setImmediate(() => this.#pump())
    })
  }

  #pump(): void {
    this.#pumpDue = false
    clearTimeout(this.#delay)
    while (this.#queue.length > 0 && !this.#waitsForCompany()) {
      const runner = this.#options.lanes.acquire()
      if (!runner) return
      const entries = this.#takeBatch()
      if (entries.length === 0) {
        this.#options.lanes.release(runner)
        return
      }
      void this.#run(runner, entries)
    }
  }

  #waitsForCompany(): boolean {
    const { delayMs } = this.#options
    const [oldest] = this.#queue
    if (delayMs === 0 || oldest?.key === undefined) return false
    const waitMs = oldest.since + delayMs - performance.now()
    const rows = this.#queue.reduce((sum, entry) => sum + entry.rows, 0)
    if (waitMs <= 0 || rows >= this.#sharing.maxRows) return false
    this.#delay = setTimeout(() => this.#pump(), waitMs)
    return true
  }

  /** The oldest entry and all that may run with it, in the order in which they came. */
  #takeBatch(): Entry[] {
    const now = performance.now()
    const batch: Entry[] = []
    const { mayRun = () => true } = this.#options
    let rows = 0
    let size = 0
    const fits = (entry: Entry): boolean =>
      batch.length === 0 ||
      (entry.key !== undefined &&
        entry.key === batch[0]?.key &&
        rows + entry.rows <= this.#sharing.maxRows &&
        mayRun(size + entry.size))

    this.#queue = this.#queue.filter((entry) => {
      if (dropPointless(entry, now)) return false
      if (!fits(entry)) return true
      batch.push(entry)
      rows += entry.rows
      size += entry.size
      this.#options.observer.queued((now - entry.since) / 1000)
      return false
    })
    return batch
  }

  async #run(runner: Runner, entries: readonly Entry[]): Promise<void> {
    const running = { runner, entries }
    this.#running.push(running)
    try {
      await this.#answer(runner, entries)
    } finally {
      this.#running.splice(this.#running.indexOf(running), 1)
      this.#options.lanes.release(runner)
      this.#pump()
    }
  }

  async #answer(runner: Runner, entries: readonly Entry[]): Promise<void> {
    const [first, ...others] = entries
    if (!first) return
    if (others.length === 0) {
      await this.#answerOne(runner, first)
      return
    }
    try {
      const inputs = joinRows(entries.map((entry) => entry.inputs))
      const { outputs } = await this.#runOnce(runner, inputs, first.outputs, entries.length)
      const answers = splitRows(
        outputs,
        entries.map(({ rows }) => rows),
      )
      await this.#prove(runner, entries, answers)
      for (const [index, answer] of answers.entries()) entries[index]?.resolve(answer)
    } catch (error) {
      await this.#answerAfter(error, runner, entries)
    }
  }

  /**
   * Ask some of the requests again by themselves.
   * @throws NotRowWise where one gets another answer
   */
  async #prove(runner: Runner, entries: readonly Entry[], answers: readonly Answer[]): Promise<void> {
    const count = this.#sharing.toProve(entries[0]?.key ?? '')
    for (let asked = 0; asked < Math.min(count, entries.length); asked += 1) {
      // Others each time, and the last of a batch as likely as the first.
      this.#proven = (this.#proven + 1) % entries.length
      const entry = entries[this.#proven]
      if (!entry) continue
      // Not counted: nobody is answered by it.
      const { outputs } = await runner.run(entry.inputs, entry.outputs)
      const name = entry.outputs.find(
        (output) => !isSameAnswer(answers[this.#proven]?.get(output), outputs.get(output)),
      )
      if (name === undefined) continue
      throw new NotRowWise(`in a run of ${entries.length} requests '${name}' differs from that of one alone`)
    }
  }

  /** What failed for a batch may be the fault of one request; each gets another run of its own, so that only that one fails. */
  async #answerAfter(error: unknown, runner: Runner, entries: readonly Entry[]): Promise<void> {
    if (error instanceof RunnerDied) {
      for (const entry of entries) entry.reject(refusalAfter(error))
      return
    }
    if (error instanceof NotRowWise) this.#sharing.end(error.message)
    for (const entry of entries) {
      if (!dropPointless(entry, performance.now())) await this.#answerOne(runner, entry)
    }
  }

  async #answerOne(runner: Runner, entry: Entry): Promise<void> {
    try {
      const { outputs } = await this.#runOnce(runner, entry.inputs, entry.outputs, 1)
      entry.resolve(outputs)
    } catch (error) {
      entry.reject(error instanceof RunnerDied ? refusalAfter(error) : error)
    }
  }

  async #runOnce(
    runner: Runner,
    inputs: Tensors,
    outputs: readonly string[],
    requests: number,
  ): Promise<Run> {
    const run = await runner.run(inputs, outputs)
    this.#options.observer.ran(rowsOf(inputs), run.seconds)
    this.#options.learn?.(inputs, requests, run.seconds)
    return run
  }

  /** See to it that deadlines are kept also while every runner is busy. */
  #wakeBy(atMs: number): void {
    if (atMs === Infinity || (this.#alarm?.atMs ?? Infinity) <= atMs) return
    clearTimeout(this.#alarm?.timer)
    // One more, since a timer may ring a fraction of a millisecond early.
    const timer = setTimeout(() => this.#ring(), atMs - performance.now() + 1)
    // A deadline is no reason for the process to stay.
    this.#alarm = { atMs, timer: timer.unref() }
  }

  #ring(): void {
    this.#alarm = undefined
    this.#sweep()
    const now = performance.now()
    for (const { runner, entries } of this.#running) {
      for (const entry of entries) expire(entry, now)
      const hopelessAt = latestDeadline(entries) + this.#options.hopelessAfterMs
      if (now >= hopelessAt) runner.abort?.('its run did not end')
      else this.#wakeBy(nextDeadline(entries, hopelessAt))
    }
  }

  #sweep(): void {
    const now = performance.now()
    this.#queue = this.#queue.filter((entry) => !dropPointless(entry, now))
    this.#sweepLength = Math.max(SWEEP_LENGTH, this.#queue.length * 2)
    this.#wakeBy(nextDeadline(this.#queue, Infinity))
  }
}

/** Nobody knows whether the request was to blame. Whoever waits as long as the client is told to is answered by another thread. */
function refusalAfter(cause: RunnerDied): RequestError {
  return new RequestError(
    503,
    'what ran the model on this request died and is being replaced; try again later',
    { code: 'interrupted', cause, retryAfterSeconds: 1 },
  )
}

/** Tensors without elements may claim any number of rows, and there is nothing to cut. */
function hasElements(inputs: Tensors): boolean {
  for (const { data } of inputs.values()) if (data.length > 0) return true
  return false
}

/** Whether an entry needs no run; it gets its answer, if there is anybody to read it. */
function dropPointless(entry: Entry, now: number): boolean {
  if (!entry.settled && !entry.whole?.failed && !entry.call.isPointless(now)) return false
  entry.reject(deadlinePassed())
  return true
}

function expire(entry: Entry, now: number): void {
  if (now < entry.call.deadlineMs) return
  entry.settled = true
  entry.reject(deadlinePassed())
}

function latestDeadline(entries: readonly Entry[]): number {
  return entries.reduce((latest, { call }) => Math.max(latest, call.deadlineMs), 0)
}

/** The earliest deadline of those who still wait. */
function nextDeadline(entries: readonly Entry[], otherwise: number): number {
  return entries.reduce(
    (next, { settled, call }) => (settled ? next : Math.min(next, call.deadlineMs)),
    otherwise,
  )
}
