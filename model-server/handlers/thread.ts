/** A handler's thread: loads the module, and does one task at a time. Started by handler-thread.ts. */
import { isBuiltin, registerHooks } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { describeHandler } from './description.ts'
import type { Context, ExecResult, Handler, HandlerLog, LogLevel, NamedTensors } from './handler.ts'
import type { FromThread, Outcome, Reply, Request, Task, ThreadData, ToThread } from './messages.ts'

/** An error whose words are for the client. */
class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

type Waiting = { resolve: (reply: Reply) => void }

const data = workerData as ThreadData
if (!parentPort) throw new Error('this is a thread of the server, and no program')
const port = parentPort
const waiting = new Map<number, Waiting>()
let asked = 0
let controller = new AbortController()

function say(message: FromThread, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

/** Every thread runs the bytes that the server read at its start, whatever stands in the file by now. */
function holdTo({ url, source, pinned }: ThreadData): void {
  const format = /\.m?ts$/.test(new URL(url).pathname) ? 'module-typescript' : 'module'
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === url) return { url, format, shortCircuit: true }
      if (pinned && context.parentURL === url && !isBuiltin(specifier)) {
        throw new Error(
          `it imports '${specifier}', which HANDLER_SHA256 does not cover: bundle the handler into one file`,
        )
      }
      return next(specifier, context)
    },
    load: (asking, context, next) =>
      asking === url ? { format, source, shortCircuit: true } : next(asking, context),
  })
}

function ask(request: Request): Promise<Reply> {
  asked += 1
  const id = asked
  say({ type: 'Request', id, request })
  return new Promise((resolve) => waiting.set(id, { resolve }))
}

function errorOf(reply: Reply): Error {
  if (reply.type !== 'Error') return new Error(`the server answered with ${reply.type}`)
  return reply.status === undefined ? new Error(reply.message) : new Refusal(reply.status, reply.message)
}

async function run(inputs: NamedTensors): Promise<NamedTensors> {
  const reply = await ask({ type: 'Run', inputs })
  if (reply.type === 'Outputs') return reply.outputs
  throw errorOf(reply)
}

const exec: Context['exec'] = async (program, args, options = {}): Promise<ExecResult> => {
  const reply = await ask({ type: 'Exec', program, args, options })
  if (reply.type === 'Executed') return reply.result
  throw errorOf(reply)
}

function logAt(level: LogLevel): HandlerLog[LogLevel] {
  return (message, extra) => {
    const text = extra === undefined ? undefined : JSON.stringify(extra)
    say({ type: 'Log', level, message, data: text })
  }
}

const log: HandlerLog = {
  debug: logAt('debug'),
  info: logAt('info'),
  warn: logAt('warn'),
  error: logAt('error'),
}

function refuse(status: number, message: string): never {
  if (Number.isInteger(status) && status >= 400 && status <= 499) throw new Refusal(status, message)
  throw new Error(`refuse: expected a status from 400 to 499, got ${status} (${message})`)
}

function contextOf({ model, remainingMs }: Task): Context {
  const deadline = performance.now() + remainingMs
  return {
    model,
    settings: data.settings,
    state: {},
    log,
    signal: controller.signal,
    remainingMs: () => Math.max(0, deadline - performance.now()),
    run,
    exec,
    refuse,
  }
}

function preprocess(
  handler: Handler,
  work: Task['work'],
  context: Context,
): NamedTensors | Promise<NamedTensors> {
  if (work.type === 'Json' && handler.accepts === 'application/json') {
    return handler.preprocess(parse(work.body), context)
  }
  if (work.type === 'Form' && handler.accepts === 'multipart/form-data') {
    return handler.preprocess(work.form, context)
  }
  throw new Error(`a handler of ${handler.accepts} cannot take ${work.type}`)
}

function parse(body: Uint8Array): unknown {
  if (body.length === 0) throw new Refusal(400, 'the body: expected JSON, got nothing')
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown
  } catch (error) {
    throw new Refusal(400, `the body: expected JSON: ${(error as Error).message}`)
  }
}

async function answer(handler: Handler, task: Task): Promise<Outcome> {
  const context = contextOf(task)
  const times = { preprocess: 0, postprocess: 0 }
  if (task.work.type === 'Selftest') {
    await handler.selftest?.(context)
    return { type: 'Answered', body: new Uint8Array(), times }
  }
  const started = performance.now()
  const inputs = await preprocess(handler, task.work, context)
  times.preprocess = (performance.now() - started) / 1000
  const outputs = await run(inputs)
  const ran = performance.now()
  const json = JSON.stringify(await handler.postprocess(outputs, context)) as string | undefined
  if (json === undefined) throw new Error('postprocess returned nothing that JSON can carry')
  const body = new TextEncoder().encode(json)
  times.postprocess = (performance.now() - ran) / 1000
  return { type: 'Answered', body, times }
}

/** Errors made by the package http-errors say by `expose` that their words are for the client. */
function failed(error: unknown): Outcome {
  if (error instanceof Refusal) return { type: 'Refused', status: error.status, message: error.message }
  if (!(error instanceof Error)) return { type: 'Failed', message: String(error), stack: undefined }
  const { status, expose } = error as { status?: unknown; expose?: unknown }
  if (expose === true && typeof status === 'number' && status >= 400 && status <= 499) {
    return { type: 'Refused', status, message: error.message }
  }
  return { type: 'Failed', message: error.message, stack: error.stack }
}

async function begin(handler: Handler, task: Task): Promise<void> {
  controller = new AbortController()
  const outcome = await answer(handler, task).catch(failed)
  say({ type: 'Done', outcome }, outcome.type === 'Answered' ? [outcome.body.buffer as ArrayBuffer] : [])
}

function hear(handler: Handler, message: ToThread): void {
  switch (message.type) {
    case 'Begin':
      void begin(handler, message.task)
      return
    case 'Abort':
      controller.abort(new Error(message.reason))
      return
    case 'Reply':
      waiting.get(message.id)?.resolve(message.reply)
      waiting.delete(message.id)
  }
}

holdTo(data)
try {
  const module = (await import(data.url)) as { default?: unknown }
  const { handler, description } = describeHandler(module.default)
  port.on('message', (message: ToThread) => hear(handler, message))
  say({ type: 'Loaded', description })
} catch (error) {
  say({ type: 'Unusable', message: error instanceof Error ? error.message : String(error) })
}
