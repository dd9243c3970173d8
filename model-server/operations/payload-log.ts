/** Bodies of some requests and of their answers, as lines of JSON, written when nobody waits for an answer. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { PayloadLogConfig } from '../config/logging.ts'
import type { LineSink } from './line-sinks.ts'
import { redact, redactionFor } from './redact.ts'
import type { RequestContext } from './request-context.ts'

/** What waits to be written; more is dropped. */
const MAX_WAITING = 256
const MAX_WAITING_BYTES = 16 * 2 ** 20

/** A request that was read. */
export type Payload = {
  context: RequestContext
  headers: IncomingHttpHeaders
  body: Uint8Array
  /** Of the model, in the order of its matrix. */
  columns: readonly string[]
}

type Entry = Payload & { time: number; status: number; answer: Uint8Array; answerType: string }

/** Samples requests. */
export class PayloadLog {
  readonly #config: PayloadLogConfig
  readonly #sink: LineSink
  readonly #dropped: () => void
  readonly #random: () => number
  #waiting: Entry[] = []
  #waitingBytes = 0

  /** @param random from 0 to below 1 */
  constructor(
    config: PayloadLogConfig,
    { sink, dropped, random = Math.random }: { sink: LineSink; dropped: () => void; random?: () => number },
  ) {
    this.#config = config
    this.#sink = sink
    this.#dropped = dropped
    this.#random = random
  }

  /** Decide whether a request is one of the sample; if so, note its answer on its way out. */
  watch(payload: Payload, response: ServerResponse): void {
    if (this.#random() >= this.#config.sample) return
    const answer = noteBody(response, this.#config.maxBodyBytes)
    response.once('close', () => {
      const { statusCode: status } = response
      const answerType = String(response.getHeader('content-type') ?? '')
      this.#add({ ...payload, time: Date.now(), status, answer: answer(), answerType })
    })
  }

  /** Write what waits, now: the process ends. */
  flush(): void {
    for (const entry of this.#waiting.splice(0)) this.#sink.write(this.#lineOf(entry))
    this.#waitingBytes = 0
  }

  #add(entry: Entry): void {
    const bytes = entry.body.length + entry.answer.length
    if (this.#waiting.length >= MAX_WAITING || this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#dropped()
      return
    }
    this.#waiting.push(entry)
    this.#waitingBytes += bytes
    // One for each turn of the event loop: parsing several large bodies at once would make others wait.
    if (this.#waiting.length === 1) setImmediate(() => this.#writeNext())
  }

  #writeNext(): void {
    const entry = this.#waiting.shift()
    if (!entry) return
    this.#waitingBytes -= entry.body.length + entry.answer.length
    this.#sink.write(this.#lineOf(entry))
    if (this.#waiting.length > 0) setImmediate(() => this.#writeNext())
  }

  #lineOf({ context, headers, body, columns, time, status, answer, answerType }: Entry): string {
    const redaction = redactionFor(this.#config.redact, columns)
    const show = (bytes: Uint8Array, type: string): Body => {
      const shown = bodyOf(bytes, type, this.#config.maxBodyBytes)
      return 'json' in shown ? { json: redact(shown.json, redaction) } : shown
    }
    const { id: requestId, trace, asked } = context
    const head = {
      msg: 'Payload',
      time,
      requestId,
      traceId: trace?.traceId,
      protocol: asked?.protocol,
      model: asked?.model.name,
      version: asked?.model.version,
      status,
    }
    const request = show(body, headers['content-type'] ?? '')
    const response = show(answer, answerType)
    const line = `${JSON.stringify({ ...head, request, response })}\n`
    if (Buffer.byteLength(line) <= this.#sink.maxLineBytes) return line
    const short = { ...head, request: tooLong(body.length), response: tooLong(answer.length) }
    return `${JSON.stringify(short)}\n`
  }
}

/** A body, or why it is not there. */
type Body = { json: unknown } | { bytes: number; omitted: string }

function bodyOf(bytes: Uint8Array, type: string, maxBytes: number): Body {
  if (bytes.length > maxBytes) return tooLong(bytes.length)
  if (!/^application\/(json\b|[\w.-]+\+json\b)/i.test(type)) {
    return { bytes: bytes.length, omitted: `not JSON but ${type === '' ? 'of no type' : type.slice(0, 100)}` }
  }
  try {
    return {
      json: JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as unknown,
    }
  } catch {
    return { bytes: bytes.length, omitted: 'no JSON, whatever its type says' }
  }
}

function tooLong(bytes: number): Body {
  return { bytes, omitted: 'too long' }
}

/** Keep a copy of what is sent, up to a limit and one byte more, which tells that there was more. */
function noteBody(response: ServerResponse, maxBytes: number): () => Uint8Array {
  const chunks: Buffer[] = []
  let noted = 0
  const note = (chunk: unknown): void => {
    if (noted > maxBytes || (typeof chunk !== 'string' && !(chunk instanceof Uint8Array))) return
    const copy = Buffer.from(chunk).subarray(0, maxBytes + 1 - noted)
    chunks.push(copy)
    noted += copy.length
  }
  for (const method of ['write', 'end'] as const) {
    const original = response[method].bind(response) as (...args: unknown[]) => never
    response[method] = (...args: unknown[]): never => {
      note(args[0])
      return original(...args)
    }
  }
  return () => Buffer.concat(chunks)
}
