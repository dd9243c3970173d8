/** Decodes bodies: small ones at once, large ones in threads, a few at a time, so that the event loop is never held by one. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { deadlinePassed } from '../execution/call.ts'
import type { Call } from '../execution/call.ts'
import { RequestError } from '../http/request-error.ts'
import { DECODERS } from './decoders.ts'
import type { Asked, Decoded, HttpForm } from './decoders.ts'
import type { DecodeAnswer, DecodeRequest } from './messages.ts'

/**
 * Bodies up to this are decoded at once: at worst that takes a few milliseconds, and a thread costs a tenth of one and a copy. What
 * waits for a thread is bounded by the budget for bodies.
 */
export const INLINE_BYTES = 2 ** 16
/** A second one keeps others from waiting for somebody's worst; more would only take the time of the model. */
const MAX_THREADS = Math.min(2, availableParallelism())
/** What the worst body of the default size becomes for a moment takes a third of this. A thread that needs more ends, and only it. */
const LIMITS = { maxOldGenerationSizeMb: 1024 }
/** A thread that has nothing to do gives its memory back. */
const IDLE_MS = 10_000
/** No timer takes more. */
const LONGEST_MS = 2 ** 31 - 1
const THREAD = new URL('./thread.ts', import.meta.url)

/** What to decode, and for whom. */
type Body<Form extends keyof Decoded> = {
  form: Form
  body: Buffer
  model: Asked
  call: Call
  /** The value of V2's header, whatever it says; what follows so many bytes are tensors. */
  jsonLength?: string | undefined
}

type Job = {
  request: () => DecodeRequest
  call: Call
  resolve: (decoded: Decoded[keyof Decoded]) => void
  reject: (error: Error) => void
}

/** All decoding of a server. */
export class DecodePool {
  readonly #idle: DecodeThread[] = []
  readonly #waiting: Job[] = []
  #threads = 0

  /**
   * The tensors of a body; a promise only where it was too large to be decoded at once.
   * @throws RequestError naming the field, what was expected and what came; 504 where the deadline passes first
   */
  decode<Form extends HttpForm>(asked: Body<Form>): Decoded[Form] | Promise<Decoded[Form]> {
    const { form, body, model, jsonLength } = asked
    return parsedBytes(asked) <= INLINE_BYTES ? DECODERS[form](body, model, jsonLength) : this.inThread(asked)
  }

  /** The same in a thread, however small the body. */
  inThread<Form extends keyof Decoded>({
    form,
    body,
    model,
    call,
    jsonLength,
  }: Body<Form>): Promise<Decoded[Form]> {
    const { signature, frame } = model
    const { inputs, outputs } = signature
    const { promise, resolve, reject } = Promise.withResolvers<Decoded[keyof Decoded]>()
    // The copy, since others may look at the body, is made when it is about to be sent.
    const request = (): DecodeRequest => ({
      ...{ form, jsonLength, body: new Uint8Array(body) },
      model: { signature: { inputs, outputs }, frame },
    })
    this.#waiting.push({ request, call, resolve, reject })
    this.#next()
    return promise as Promise<Decoded[Form]>
  }

  #next(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#idle.pop() ?? this.#start()
      const job = thread && this.#waiting.shift()
      if (!job) return
      if (!job.call.isPointless(performance.now())) thread.begin(job)
      else {
        job.reject(deadlinePassed())
        this.#idle.push(thread)
      }
    }
  }

  #start(): DecodeThread | undefined {
    if (this.#threads === MAX_THREADS) return undefined
    this.#threads += 1
    const thread: DecodeThread = new DecodeThread({
      done: () => {
        this.#idle.push(thread)
        this.#next()
      },
      // At once, since it takes a moment to be gone.
      leaves: () => void this.#idle.splice(this.#idle.indexOf(thread), 1),
      gone: () => {
        this.#threads -= 1
        this.#next()
      },
    })
    return thread
  }
}

/** Bytes that somebody has to look at one by one. Numbers as bytes are taken as they lie, texts are not. */
function parsedBytes({ body, jsonLength, model }: Body<keyof Decoded>): number {
  if (jsonLength === undefined || model.signature.inputs.some(({ datatype }) => datatype === 'BYTES')) {
    return body.length
  }
  return Math.min(Number(jsonLength) || 0, body.length)
}

/** What a pool is told of a thread: that it has nothing to do, that it will not come back from that, that it is no more. */
type Told = Record<'done' | 'leaves' | 'gone', () => void>

class DecodeThread {
  readonly #worker = new Worker(THREAD, { resourceLimits: LIMITS })
  #job: Job | undefined
  #timer: NodeJS.Timeout | undefined

  constructor({ done, leaves, gone }: Told) {
    // Nobody's process waits for it.
    this.#worker.unref()
    this.#worker.on('message', (answer: DecodeAnswer) => {
      settle(this.#take(), answer)
      this.#endAfter(IDLE_MS, leaves)
      this.#timer?.unref()
      done()
    })
    this.#worker.on('error', (error) => this.#take()?.reject(deathOf(error as NodeJS.ErrnoException)))
    this.#worker.once('exit', () => {
      this.#take()?.reject(deadlinePassed())
      gone()
    })
  }

  begin(job: Job): void {
    this.#take()
    this.#job = job
    // Nothing else stops a parser.
    this.#endAfter(Math.min(job.call.deadlineMs - performance.now(), LONGEST_MS))
    const request = job.request()
    this.#worker.postMessage(request, [request.body.buffer as ArrayBuffer])
  }

  #take(): Job | undefined {
    clearTimeout(this.#timer)
    const job = this.#job
    this.#job = undefined
    return job
  }

  #endAfter(ms: number, leaves?: () => void): void {
    this.#timer = setTimeout(() => {
      leaves?.()
      void this.#worker.terminate()
    }, ms)
  }
}

function settle(job: Job | undefined, answer: DecodeAnswer): void {
  if (answer.type === 'Decoded') job?.resolve(answer.decoded)
  else if (answer.type === 'Refused')
    job?.reject(new RequestError(answer.status, answer.message, { code: answer.code }))
  else job?.reject(answer.error)
}

function deathOf(error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error
  return new RequestError(
    413,
    'the body: takes more memory than a request may have; send large tensors as bytes',
  )
}
