/**
 * The thread in which functions run: runtime cloudfront-js-2.0 as far as this stand-in has it. Each function is compiled
 * once, as a module in a context of its own, which has no timers, no network and no Node.
 */
import { createContext, SourceTextModule, SyntheticModule } from 'node:vm'
import { parentPort } from 'node:worker_threads'
import { cloudFrontModule } from './cloudfront-module.ts'
import { cryptoModule } from './crypto-module.ts'
import * as querystring from 'node:querystring'
import type { Context, Module } from 'node:vm'
import type {
  EventRequest,
  EventResponse,
  FromWorker,
  FunctionCode,
  Outcome,
  StoreSnapshot,
  ToWorker,
} from './event.ts'
import type { Run } from './cloudfront-module.ts'

type Handler = (event: unknown) => unknown
type Compiled = { function: FunctionCode; handler: Promise<Handler> }

const PENDING = Symbol('pending')
const HANDLER = 'cloudfront-local:handler'

const functions = new Map<string, Compiled>()
const stores = new Map<string, StoreSnapshot>()
let current: Run = { logs: [] }
// One run at a time, so that `current` is the run that logs and chooses; it costs nothing, as there is nothing to wait for.
let previous: Promise<void> = Promise.resolve()

function compile(source: FunctionCode): Compiled {
  const handler = load(source)
  // The run reports it.
  handler.catch(() => undefined)
  return { function: source, handler }
}

async function load({ code, store }: FunctionCode): Promise<Handler> {
  const cloudFront = cloudFrontModule({
    run: () => current,
    store: () => (store === undefined ? undefined : stores.get(store)),
  })
  const modules: Record<string, object> = {
    cloudfront: cloudFront,
    crypto: cryptoModule,
    querystring: { ...querystring },
    buffer: { Buffer },
  }
  const find = (name: string): object => {
    const found = Object.hasOwn(modules, name) ? modules[name] : undefined
    if (found === undefined) throw new Error(`there is no module "${name}" in this runtime`)
    return found
  }
  const context = createContext(globals(find), { codeGeneration: { strings: false, wasm: false } })
  const module = new SourceTextModule(`${code}\n;export { handler as '${HANDLER}' }`, {
    context,
    identifier: 'function.js',
  })
  await module.link((name: string) => synthetic(find(name), context))
  await module.evaluate()
  const handler: unknown = (module.namespace as Record<string, unknown>)[HANDLER]
  if (typeof handler !== 'function') throw new TypeError('handler is not a function')
  return handler as Handler
}

function globals(find: (name: string) => object): object {
  const log = (...parts: unknown[]): void => {
    current.logs.push(parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join(' '))
  }
  return { console: { log, error: log }, require: find, Buffer, TextEncoder, TextDecoder, atob, btoa }
}

function synthetic(exports: object, context: Context): Module {
  const names = Object.keys(exports)
  const module = new SyntheticModule(
    ['default', ...names],
    () => {
      module.setExport('default', exports)
      for (const name of names) module.setExport(name, (exports as Record<string, unknown>)[name])
    },
    { context },
  )
  return module
}

async function run({ arn, event, originIds }: Extract<ToWorker, { type: 'Run' }>): Promise<Outcome> {
  const logs: string[] = []
  try {
    const compiled = functions.get(arn)
    if (compiled === undefined) throw new Error(`there is no function ${arn} at this edge`)
    const handler = await compiled.handler
    const mine: Run = { logs, ...(originIds === undefined ? {} : { originIds }) }
    current = mine
    return { logs, ...judge(await settled(handler(event)), mine) }
  } catch (error) {
    return { type: 'Error', message: describe(error), logs }
  }
}

/** A promise that still waits when all microtasks are done will wait for ever: the runtime has nothing to wait for. */
async function settled(result: unknown): Promise<unknown> {
  const given = await Promise.race([result, new Promise((resolve) => setImmediate(resolve, PENDING))])
  if (given === PENDING) throw new Error('the function awaits something that never comes')
  return given
}

type Returned = { type: 'Request'; request: EventRequest } | { type: 'Response'; response: EventResponse }

function judge(returned: unknown, { origin }: Run): Returned {
  if (typeof returned !== 'object' || returned === null) {
    throw new Error('the function returned neither a request nor a response')
  }
  // Through JSON, since objects of another context, functions and cycles cannot leave the thread.
  const plain = JSON.parse(JSON.stringify(returned)) as Record<string, unknown>
  if (Number.isInteger(plain.statusCode)) return { type: 'Response', response: plain as EventResponse }
  if (typeof plain.uri !== 'string' || !plain.uri.startsWith('/')) {
    throw new Error('the function returned a request without a uri that begins with "/"')
  }
  const request = { querystring: {}, headers: {}, cookies: {}, ...plain } as EventRequest
  return { type: 'Request', request, ...(origin === undefined ? {} : { origin }) }
}

/** An error of the context is no Error of this realm, so `instanceof` would not know it. */
function describe(error: unknown): string {
  const { name, message } = (typeof error === 'object' && error !== null ? error : {}) as Partial<Error>
  return message === undefined ? String(error) : `${name ?? 'Error'}: ${message}`
}

parentPort?.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'Function':
      functions.set(message.function.arn, compile(message.function))
      return
    case 'Store':
      stores.set(message.store.arn, message.store)
      return
    case 'Run':
      previous = previous
        .then(() => run(message))
        .then((outcome) => parentPort?.postMessage({ run: message.run, outcome } satisfies FromWorker))
  }
})
