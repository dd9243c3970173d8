/**
 * Asks at a fixed rate, whatever the answers do, and counts each latency from the moment at which the request was due: a
 * server that stalls is charged for every request that it should have taken meanwhile, which a client that waits for answers
 * (wrk) forgives it. `node open-loop.ts '{"origin": …}'`; prints one line of JSON. It spins, so give it a core of its own.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { QUESTIONS } from './questions.ts'
import type { Question, QuestionName } from './questions.ts'
import { percentileOf } from './statistics.ts'

/** What to ask, how often and for how long. */
export type OpenLoopOptions = {
  host: string
  port: number
  question: QuestionName
  /** Requests a second. */
  rate: number
  seconds: number
  /** Requests that may be under way at a time; one that is due while all are taken waits, and its clock runs. */
  connections: number
  /** Every how many-th accepted answer is checked. */
  checkEvery: number
}

/** What came of it. Latencies are of answers with 2xx, in milliseconds from the due time. */
export type OpenLoopResult = {
  due: number
  /** Answers by status. */
  statuses: Record<string, number>
  /** Answers with 2xx that came before the last request was due. */
  goodInTime: number
  /** Connections that broke while a request was under way. */
  broken: number
  unanswered: number
  checked: number
  p50Ms: number
  p99Ms: number
  maxMs: number
  /** From the moment at which the request was sent: what of it the server had in its hands. */
  sentP99Ms: number
}

/** What is due three times as fast as it can be answered takes three times as long. */
const LINGER_OF_RUN = 4
const LINGER_MS = 15_000
const HEAD_END = '\r\n\r\n'

/** One connection that asks one thing at a time. */
class Asker {
  readonly #open: () => Socket
  readonly #wire: Buffer
  #socket: Socket | undefined
  #received: Buffer[] = []
  #onEnd: ((answer: Buffer | undefined) => void) | undefined

  constructor(open: () => Socket, wire: Buffer) {
    this.#open = open
    this.#wire = wire
  }

  /** `undefined` is a connection that broke. */
  ask(onEnd: (answer: Buffer | undefined) => void): void {
    this.#onEnd = onEnd
    this.#received = []
    this.#socket ??= this.#connect()
    this.#socket.write(this.#wire)
  }

  close(): void {
    this.#onEnd = undefined
    this.#socket?.destroy()
  }

  #connect(): Socket {
    const socket = this.#open()
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = undefined
      this.#end(undefined)
    })
    return socket
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk)
    const all = this.#received.length === 1 ? chunk : Buffer.concat(this.#received)
    this.#received = [all]
    const head = all.indexOf(HEAD_END)
    if (head < 0) return
    const { length, closes } = framing(all.toString('latin1', 0, head))
    if (all.length < head + HEAD_END.length + length) return
    if (closes) {
      this.#socket?.destroy()
      this.#socket = undefined
    }
    this.#end(all)
  }

  #end(answer: Buffer | undefined): void {
    const onEnd = this.#onEnd
    this.#onEnd = undefined
    onEnd?.(answer)
  }
}

function framing(head: string): { length: number; closes: boolean } {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without content-length: ${head}`)
  return { length: Number(length), closes: /\r\nconnection: *close/i.test(head) }
}

function check(question: Question, answer: Buffer): void {
  const end = answer.indexOf(HEAD_END)
  const [, ...lines] = answer.toString('latin1', 0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  question.check({ status: statusOf(answer), headers, body: answer.subarray(end + HEAD_END.length) })
}

function statusOf(answer: Buffer): number {
  return Number(answer.toString('latin1', 9, 12))
}

function wireOf({ path, headers, body }: Question, host: string): Buffer {
  const all = { host, ...headers, 'content-length': String(body.length) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return Buffer.concat([Buffer.from([`POST ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n')), body])
}

/** One run at a fixed rate. */
class OpenLoop {
  readonly #options: OpenLoopOptions
  readonly #question: Question
  readonly #free: Asker[]
  readonly #all: readonly Asker[]
  readonly #waiting: number[] = []
  readonly #latencies: number[] = []
  readonly #sentLatencies: number[] = []
  readonly #statuses: Record<string, number> = {}
  #started = 0
  #due = 0
  #ended = 0
  #broken = 0
  #goodInTime = 0
  #checked = 0

  constructor(options: OpenLoopOptions) {
    this.#options = options
    this.#question = QUESTIONS[options.question]()
    const wire = wireOf(this.#question, `${options.host}:${options.port}`)
    const open = (): Socket => connect(options.port, options.host)
    this.#all = Array.from({ length: options.connections }, () => new Asker(open, wire))
    this.#free = [...this.#all]
  }

  async run(): Promise<OpenLoopResult> {
    this.#started = performance.now()
    const { seconds } = this.#options
    await new Promise<void>((resolve) => {
      const turn = (): void => {
        const elapsed = performance.now() - this.#started
        if (elapsed < seconds * 1000) this.#fallDue(elapsed)
        const over = elapsed >= seconds * 1000 && this.#ended === this.#due
        if (over || elapsed > seconds * 1000 * (1 + LINGER_OF_RUN) + LINGER_MS) resolve()
        else setImmediate(turn)
      }
      turn()
    })
    for (const asker of this.#all) asker.close()
    return this.#result()
  }

  #fallDue(elapsed: number): void {
    const { rate } = this.#options
    for (; (this.#due / rate) * 1000 <= elapsed; this.#due += 1) {
      this.#waiting.push(this.#started + (this.#due / rate) * 1000)
    }
    this.#send()
  }

  #send(): void {
    for (let asker = this.#free.at(-1); asker !== undefined; asker = this.#free.at(-1)) {
      const due = this.#waiting.shift()
      if (due === undefined) return
      this.#free.pop()
      const mine = asker
      const sent = performance.now()
      mine.ask((answer) => {
        this.#free.push(mine)
        this.#take(answer, { due, sent })
        this.#send()
      })
    }
  }

  #take(answer: Buffer | undefined, { due, sent }: { due: number; sent: number }): void {
    this.#ended += 1
    if (answer === undefined) {
      this.#broken += 1
      return
    }
    const status = statusOf(answer)
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1
    if (status < 200 || status > 299) return
    const now = performance.now()
    if (now - this.#started < this.#options.seconds * 1000) this.#goodInTime += 1
    if (this.#latencies.length % this.#options.checkEvery === 0) {
      check(this.#question, answer)
      this.#checked += 1
    }
    this.#latencies.push(now - due)
    this.#sentLatencies.push(now - sent)
  }

  #result(): OpenLoopResult {
    const ascending = (values: number[]): number[] => values.toSorted((a, b) => a - b)
    const [sorted, sent] = [ascending(this.#latencies), ascending(this.#sentLatencies)]
    const percentile = (percent: number, of = sorted): number =>
      of.length === 0 ? 0 : percentileOf(of, percent)
    return {
      due: this.#due,
      statuses: this.#statuses,
      goodInTime: this.#goodInTime,
      broken: this.#broken,
      unanswered: this.#due - this.#ended,
      checked: this.#checked,
      p50Ms: percentile(50),
      p99Ms: percentile(99),
      maxMs: percentile(100),
      sentP99Ms: percentile(99, sent),
    }
  }
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? '') as OpenLoopOptions
  console.log(JSON.stringify(await new OpenLoop(options).run()))
}
