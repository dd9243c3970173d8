/** What this emulator runs, CloudFront runs: its runtime is V8, cut down to what is documented, and njs says whether it is. */
import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from '@jest/globals'
import { njs, type Njs } from '../test/njs.ts'
import { FunctionRunner } from './function-runner.ts'
import { LIBRARY, NEW_IN_20, TYPED_ARRAYS } from './library.ts'
import type { ViewerRequestEvent } from './event.ts'

const engine = await njs()
const withEngine = engine === undefined ? describe.skip : describe

const EVENT: ViewerRequestEvent = {
  version: '1.0',
  context: { distributionDomainName: 'd', distributionId: 'E1', eventType: 'viewer-request', requestId: 'r' },
  viewer: { ip: '192.0.2.1' },
  request: { method: 'GET', uri: '/', querystring: {}, headers: {}, cookies: {} },
}

const runner = new FunctionRunner()
afterAll(() => runner.close())

// `f` is what is looked at; what it gives, as text, is the path of the request.
const HANDLER = `
async function handler(event) {
  const given = f(event)
  const value = await given
  event.request.uri = '/' + String(value)
  return event.request
}`

type Said = { value: string } | { error: string }

/** Members of every global object, by its name or its path. */
type Seen = Record<string, string[]>

const MEMBERS = `
function members() {
  var found = {}
  var look = function (path, value) {
    var isObject = (typeof value === 'object' || typeof value === 'function') && value !== null
    if (isObject) found[path] = Object.getOwnPropertyNames(value).sort()
    if (typeof value === 'function' && value.prototype) found[path + '.prototype'] = Object.getOwnPropertyNames(value.prototype).sort()
  }
  Object.getOwnPropertyNames(globalThis).forEach(function (name) { look(name, globalThis[name]) })
  look('TypedArray', Object.getPrototypeOf(Uint8Array))
  look('buffer', Object.getPrototypeOf(Buffer.from('a')))
  look('hash', require('crypto').createHash('md5'))
  look('crypto', require('crypto'))
  look('querystring', require('querystring'))
  found.hash = Object.getOwnPropertyNames(Object.getPrototypeOf(require('crypto').createHash('md5')))
  found.globalThis = Object.getOwnPropertyNames(globalThis)
  return JSON.stringify(found)
}`

/** Through the log, since the engine here returns no more than a request. */
async function membersHere(): Promise<string> {
  const said = await here(`${MEMBERS}\nfunction f() { return members() }`)
  if ('error' in said) throw new Error(said.error)
  return said.value
}

async function here(code: string, runtime = 'cloudfront-js-2.0', handler = HANDLER): Promise<Said> {
  const arn = 'arn:under-test'
  runner.provideFunction({ arn, number: 1, code: code + handler, runtime })
  const outcome = await runner.run(arn, EVENT)
  if (outcome.type === 'Request') return { value: outcome.request.uri.slice(1) }
  return { error: outcome.type === 'Error' ? outcome.message : 'answered' }
}

async function there({ run }: Njs, code: string): Promise<Said> {
  const report = `
handler(${JSON.stringify(EVENT)}).then(function (request) { console.log(JSON.stringify(request)) }).catch(function (error) { console.log('FAILED ' + error) })`
  const said = await run({ 'main.js': code + HANDLER + report })
  return said.startsWith('{')
    ? { value: (JSON.parse(said) as { uri: string }).uri.slice(1) }
    : { error: said }
}

const table = (file: string): string[] =>
  readFileSync(new URL(`../test/language/${file}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')

/** Documented, so it runs here, and there with the same value. */
const RUNS = table('runs.txt')
/** The words by which it is refused here, and what is. What njs takes of it is not documented. */
const REFUSED = table('refused.txt').map((line) => line.split(' <- ') as [words: string, code: string])

// What njs 0.8.9 takes and AWS does not document.
const UNDOCUMENTED = new Set([
  ...['async function in arguments', 'async function within a function', 'operator "??"', 'debugger'],
  ...['computed name', 'method without "function"', 'property without a value', 'list of properties'],
  ...['number 0b11', 'number 0o7', 'Octal literal', 'escape'],
  // Array.from and others; the constructors of functions run only in the shell of njs, as do its timers and modules.
  ...['not a function', 'Code generation', 'process is not defined', 'setImmediate is not defined'],
  'ReferenceError: Cannot load module "fs" in 1',
])

test('the tables are not short', () => {
  expect(RUNS.length + REFUSED.length).toBeGreaterThan(200)
})

test.each(RUNS)('runs: %s', async (code) => {
  expect(await here(code)).toEqual({ value: expect.any(String) as unknown })
})

test.each(REFUSED)('is refused, %s: %s', async (words, code) => {
  expect(await here(code)).toEqual({ error: expect.stringContaining(words) as unknown })
})

test.each([
  ['await in arguments not supported in 3', '\nasync function f() {\n  return Math.max(1, await 2)\n}'],
  ['array destructuring not supported in 2', 'function f() {\n  const [a] = [1]\n  return a\n}'],
  ['Unexpected token in 2', 'function f() {\n  return )\n}'],
])('the line is told: %s', async (message, code) => {
  expect(await here(code)).toEqual({ error: `SyntaxError: ${message}` })
})

test('an error of the runtime is caught as an error', async () => {
  const code = `
import cf from 'cloudfront'
function f() { try { cf.kvs() } catch (e) { return (e instanceof Error) + e.constructor.name } }`
  expect(await here(code)).toEqual({ value: 'trueError' })
})

test.each([
  ['Token "const" not supported in 1', 'const a = 1; function f() { return a }'],
  ['Token "let" not supported in 1', 'function f() { let a = 1; return a }'],
  ['Token "async" not supported in 1', 'var f = async function () { return 1 }'],
  ['Token "import" not supported in 1', "import c from 'crypto'; function f() { return 1 }"],
  ['number 1_000 not supported in 1', 'function f() { return 1_000 }'],
  ['not a function', "function f() { return 'a'.replaceAll('a', 'b') }"],
  ['Buffer is not defined', "function f() { return Buffer.from('a') }"],
  ['not a function', 'function f() { return Promise.all([]) }'],
])('runtime 1.0 lacks what is new in 2.0, %s: %s', async (words, code) => {
  const handler = "\nfunction handler(event) { event.request.uri = '/' + f(); return event.request }"
  expect(await here(code, 'cloudfront-js-1.0', handler)).toEqual({
    error: expect.stringContaining(words) as unknown,
  })
  expect(await here("function f() { return 'a'.repeat(2) }", 'cloudfront-js-1.0', handler)).toEqual({
    value: 'aa',
  })
})

test('what is new in runtime 2.0 is in it', () => {
  for (const path of NEW_IN_20) {
    const [name = '', ...members] = path.split('.')
    const { own, prototype } = LIBRARY[name] ?? { own: [], prototype: [] }
    if (members.length === 0) expect(LIBRARY).toHaveProperty(name)
    else expect(members.length === 1 ? own : prototype).toContain(members.at(-1))
  }
})

withEngine('in njs', () => {
  const njsOf = (): Njs => {
    if (engine === undefined) throw new Error('njs is not here')
    return engine
  }

  test('which is of the versions that CloudFront may have', () => {
    expect(njsOf().version).toMatch(/^0\.8\./)
  })

  test.each(RUNS)('what runs here gives the same: %s', async (code) => {
    expect(await there(njsOf(), code)).toEqual(await here(code))
  })

  // The other way round says that the engine is asked at all: most of what is refused here is no JavaScript there.
  test('most of what is refused here does not run', async () => {
    const said = await Promise.all(REFUSED.map(([, code]) => there(njsOf(), code)))
    const ran = REFUSED.filter((_, index) => 'value' in (said[index] ?? {})).map(([words]) => words)
    expect(new Set(ran)).toEqual(UNDOCUMENTED)
  })

  test('the library here is no larger', async () => {
    const seen = JSON.parse(await njsOf().run({ 'main.js': `${MEMBERS}\nconsole.log(members())` })) as Seen
    const own = JSON.parse(await membersHere()) as Seen
    for (const [name, members] of Object.entries(own)) {
      const there = ['constructor', 'prototype', ...(seen[name] ?? [])]
      expect([name, members.filter((member) => !there.includes(member))]).toEqual([name, []])
    }
  })
})

test('the library is what the list says', async () => {
  const own = JSON.parse(await membersHere()) as Seen
  const always = ['constructor', 'length', 'name', 'prototype']
  const listed = { ...LIBRARY, TypedArray: TYPED_ARRAYS }
  for (const [name, { own: statics, prototype }] of Object.entries(listed)) {
    const without = (members: string[] = []): string[] =>
      members.filter((one) => !always.includes(one)).sort()
    const wanted = (members: readonly string[]): string[] => without([...members])
    expect([name, without(own[name])]).toEqual([name, wanted(statics)])
    expect([name, without(own[`${name}.prototype`])]).toEqual([name, wanted(prototype)])
  }
  expect(own.globalThis).toEqual(
    expect.arrayContaining(Object.keys(LIBRARY).filter((name) => name !== 'constructor')),
  )
  expect(own.globalThis).toHaveLength(Object.keys(LIBRARY).length + 4)
})
