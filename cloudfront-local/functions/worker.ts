/**
 * The thread in which functions run: runtime cloudfront-js-2.0 as far as this emulator has it. Each function is judged by
 * what AWS documents (language.ts) and compiled once, in a context of its own that has the library of the
 * runtime (library.ts, realm.js): no timers, no network, no Node, and nothing of V8 that CloudFront lacks.
 */
import { readFileSync } from 'node:fs'
import { createContext, Script } from 'node:vm'
import { parentPort } from 'node:worker_threads'
import { cloudFrontModule } from './cloudfront-module.ts'
import { cryptoModule } from './crypto-module.ts'
import { scriptOf } from './language.ts'
import { CONSTANTS, LIBRARY, NEW_IN_20, TYPED_ARRAYS } from './library.ts'
import { decode, encode, escape, parse, stringify, unescape } from 'node:querystring'
import type { Context } from 'node:vm'
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
type Compiled = { handler: Handler } | { failed: unknown }

const PENDING = Symbol('pending')

const functions = new Map<string, Compiled>()
const stores = new Map<string, StoreSnapshot>()
let current: Run = { logs: [] }
// One run at a time, so that `current` is the run that logs and chooses; it costs nothing, as there is nothing to wait for.
let previous: Promise<void> = Promise.resolve()

function compile(source: FunctionCode): Compiled {
  try {
    return { handler: load(source) }
  } catch (failed) {
    // The run reports it.
    return { failed }
  }
}

function load({ code, runtime, store }: FunctionCode): Handler {
  const script = new Script(scriptOf(code, runtime), { filename: 'function.js' })
  const context = createContext({}, { codeGeneration: { strings: false, wasm: false } })
  const modules = furnish(context, runtime, {
    cloudfront: cloudFrontModule({
      run: () => current,
      store: () => (store === undefined ? undefined : stores.get(store)),
    }),
    crypto: cryptoModule,
    querystring: { decode, encode, escape, parse, stringify, unescape },
  })
  const handler: unknown = (script.runInContext(context) as (modules: object) => unknown)(modules)
  if (typeof handler !== 'function') throw new TypeError('handler is not a function')
  return handler as Handler
}

type Furnish = (host: object, library: object) => Record<string, object>

const REALM = new Script(readFileSync(new URL('./realm.js', import.meta.url), 'utf8'), {
  filename: 'realm.js',
})

/** Makes the context what a function meets; gives the modules as objects of it. */
function furnish(context: Context, runtime: string, modules: object): Record<string, object> {
  const host = {
    modules,
    ...{ atob, btoa, buffer: Buffer, isBuffer: (value: unknown) => Buffer.isBuffer(value) },
    view: ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length),
    encode: (text: string) => new TextEncoder().encode(text),
    encodeInto: (text: string, bytes: Uint8Array) => new TextEncoder().encodeInto(text, bytes),
    textDecoder: (options: object) => new TextDecoder('utf-8', options),
    log: (line: string) => current.logs.push(line),
  }
  const missing = runtime === 'cloudfront-js-1.0' ? NEW_IN_20 : new Set()
  const realm = REALM.runInContext(context) as Furnish
  return realm(host, { library: LIBRARY, typedArrays: TYPED_ARRAYS, constants: CONSTANTS, missing })
}

async function run({ arn, event, originIds }: Extract<ToWorker, { type: 'Run' }>): Promise<Outcome> {
  const logs: string[] = []
  try {
    const compiled = functions.get(arn)
    if (compiled === undefined) throw new Error(`there is no function ${arn} at this edge`)
    if ('failed' in compiled) throw compiled.failed
    const mine: Run = { logs, ...(originIds === undefined ? {} : { originIds }) }
    current = mine
    return { logs, ...judge(await settled(compiled.handler(event)), mine) }
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
