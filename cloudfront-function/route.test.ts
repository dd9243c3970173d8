/** The function by itself, with the runtime's two modules given by the test. */
import { describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { load } from 'js-yaml'
import ts from 'typescript'
import { functionSource, KEY_PATTERN, MAX_BYTES } from './source.ts'
import { compiled, type Edge, type Headers, type Outcome, type Request } from './test/compiled.ts'

const SOURCE = functionSource('housing')
const HINT = 'x-modelrelease-origin'
const ORIGINS = ['blue', 'green']

function requestOf(headers: Headers = {}): Request {
  return { method: 'POST', uri: '/predict', querystring: { a: { value: '1' } }, headers, cookies: {} }
}

const holding = (value: unknown): Edge => ({
  get: (key) =>
    key === 'housing'
      ? Promise.resolve(typeof value === 'string' ? value : JSON.stringify(value))
      : Promise.reject(new Error('KeyNotFound')),
  origins: ORIGINS,
})

function run(edge: Edge, headers: Headers = {}, ip = '192.0.2.1'): Promise<Outcome> {
  return compiled(SOURCE, edge)({ viewer: { ip }, request: requestOf(headers) })
}

const inCanary = (weight: number, more: object = {}) =>
  holding({ v: 1, live: 'blue', canary: { origin: 'green', weight, salt: 'r7', ...more }, at: 1 })

test('a request goes to the live origin, which logs can see', async () => {
  const { request, origin, logs } = await run(holding({ v: 1, live: 'green', at: 1 }))
  expect(origin).toBe('green')
  expect(request).toEqual(requestOf({ [HINT]: { value: 'green' } }))
  expect(logs).toEqual([])
})

test('a viewer cannot say which origin was chosen', async () => {
  const forged = { [HINT]: { value: 'forged' } }
  expect((await run(holding({ v: 1, live: 'green' }), { ...forged })).request.headers[HINT]?.value).toBe(
    'green',
  )
  expect((await run(holding('garbage'), { ...forged })).request.headers).toEqual({})
})

describe('a request goes on unchanged to the origin of its behavior when', () => {
  test.each<[string, Edge, string]>([
    [
      'the key is missing',
      { get: () => Promise.reject(new Error('KeyNotFound')), origins: ORIGINS },
      'KeyNotFound',
    ],
    [
      'the store throws',
      {
        get: () => {
          throw new Error('no KeyValueStore is associated')
        },
        origins: ORIGINS,
      },
      'no KeyValueStore',
    ],
    ['the value is garbage', holding('{"v":1,'), 'SyntaxError'],
    ['the value is empty', holding(''), 'SyntaxError'],
    ['the value is null', holding('null'), 'TypeError'],
    ['the value is a text', holding('"blue"'), 'version undefined'],
    ['the version is not known', holding({ v: 2, live: 'blue' }), 'version 2'],
    ['the value names no origin', holding({ v: 1 }), 'names no origin'],
    ['the value names a number', holding({ v: 1, live: 7 }), 'names no origin'],
    [
      'the value names a canary only',
      holding({ v: 1, canary: { origin: 'green', weight: 100 } }),
      'names no',
    ],
    ['the distribution lacks the origin', holding({ v: 1, live: 'red' }), 'no origin red'],
    ['the distribution lacks the canary', inCanary(100, { origin: 'red' }), 'no origin red'],
    ['the canary names no origin', inCanary(100, { origin: undefined }), 'names no origin'],
  ])('%s', async (_, edge, why) => {
    const { request, origin, logs } = await run(edge, { accept: { value: '*/*' } })
    expect(origin).toBeUndefined()
    expect(request).toEqual(requestOf({ accept: { value: '*/*' } }))
    expect(logs).toEqual([expect.stringMatching(`^modelrelease: key "housing" was not followed: .*${why}`)])
  })
})

describe('a canary', () => {
  const CLIENTS = Array.from({ length: 10_000 }, (_, index) => `client-${index}`)

  async function share(weight: number, salt = 'r7'): Promise<Set<string>> {
    const route = compiled(SOURCE, inCanary(weight, { header: 'x-user-id', salt }))
    const inside = new Set<string>()
    for (const client of CLIENTS) {
      const request = requestOf({ 'x-user-id': { value: client } })
      if ((await route({ viewer: { ip: '192.0.2.1' }, request })).origin === 'green') inside.add(client)
    }
    return inside
  }

  test('has its share of 10,000 clients, and who is in stays in while it grows', async () => {
    let before = new Set<string>()
    for (const weight of [1, 5, 10, 25, 50, 75, 99]) {
      const inside = await share(weight)
      expect(Math.abs(inside.size / CLIENTS.length - weight / 100)).toBeLessThan(0.01)
      expect([...before].filter((client) => !inside.has(client))).toEqual([])
      before = inside
    }
  })

  test('of another attempt meets other clients', async () => {
    const other = await share(10, 'r8')
    // 1 % of all by chance, 10 % if the salt were forgotten.
    expect([...(await share(10))].filter((client) => other.has(client)).length).toBeLessThan(200)
  })

  test.each<[unknown, number]>([
    [0, 0],
    [-1, 0],
    ['many', 0],
    [undefined, 0],
    [100, 10_000],
    [1000, 10_000],
  ])('of weight %p has %p of 10,000', async (weight, size) => {
    expect((await share(weight as number)).size).toBe(size)
  })

  test('knows a client by the header, and by its address where the header is absent', async () => {
    const edge = inCanary(50, { header: 'x-user-id' })
    const byAddress = async (ip: string, headers: Headers = {}) => (await run(edge, headers, ip)).origin
    const addresses = Array.from({ length: 40 }, (_, index) => `192.0.2.${index}`)
    const without = await Promise.all(addresses.map((ip) => byAddress(ip)))
    expect(new Set(without)).toEqual(new Set(ORIGINS))
    expect(await Promise.all(addresses.map((ip) => byAddress(ip, { 'x-user-id': { value: '' } })))).toEqual(
      without,
    )
    const user = { 'x-user-id': { value: 'u' } }
    const same = await Promise.all(addresses.map((ip) => byAddress(ip, { ...user })))
    expect(new Set(same).size).toBe(1)
    const ignoring = await Promise.all(
      addresses.map(async (ip) => (await run(inCanary(50), { ...user }, ip)).origin),
    )
    expect(ignoring).toEqual(without)
  })
})

describe('the source', () => {
  test('is far from the limit of CloudFront', () => {
    expect(Buffer.byteLength(SOURCE)).toBeLessThan(MAX_BYTES / 4)
  })

  // The runtime is ECMAScript 5.1 with a list of additions, on which these are not:
  // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
  test('is written in what the runtime knows', () => {
    const unknown = new Set([
      ts.SyntaxKind.ObjectBindingPattern,
      ts.SyntaxKind.ArrayBindingPattern,
      ts.SyntaxKind.SpreadElement,
      ts.SyntaxKind.SpreadAssignment,
      ts.SyntaxKind.ShorthandPropertyAssignment,
      ts.SyntaxKind.ClassDeclaration,
      ts.SyntaxKind.ForOfStatement,
      ts.SyntaxKind.QuestionDotToken,
      ts.SyntaxKind.QuestionQuestionToken,
      ts.SyntaxKind.YieldExpression,
    ])
    // Several reads at a time are too much for its memory, and there are no timers and no network.
    const absent = new Set(['Promise', 'setTimeout', 'setInterval', 'fetch', 'process', 'globalThis'])
    const found: string[] = []
    const visit = (node: ts.Node): void => {
      if (unknown.has(node.kind) || (ts.isIdentifier(node) && absent.has(node.text)))
        found.push(node.getText())
      if (ts.isParameter(node) && node.initializer) found.push(node.getText())
      if (ts.isCatchClause(node) && !node.variableDeclaration) found.push(node.getText())
      ts.forEachChild(node, visit)
    }
    const file = ts.createSourceFile('route.js', SOURCE, ts.ScriptTarget.Latest, true)
    visit(file)
    expect(found).toEqual([])
  })

  const program = (...args: string[]) =>
    spawnSync(process.execPath, [fileURLToPath(new URL('./print.ts', import.meta.url)), ...args], {
      encoding: 'utf8',
    })

  test('is printed with the key, and is otherwise the file', () => {
    const { status, stdout } = program('--key', 'models.housing-2')
    expect(status).toBe(0)
    const file = readFileSync(new URL('./route.js', import.meta.url), 'utf8')
    expect(stdout).not.toBe(file)
    expect(stdout.replace("'models.housing-2'", "'housing'")).toBe(file)
  })

  test.each<[string, string[]]>([
    ['--key is missing', []],
    ['--key', ['--key']],
    ["--color'", ['--color', 'blue']],
    ["a'b", ['--key', "a'b"]],
    ['key ""', ['--key', '']],
    ['a letter or digit first', ['--key', '.a']],
    ['letters, digits', ['--key', 'x'.repeat(513)]],
  ])('is not printed without a key that can be used: %s', (words, args) => {
    expect(program(...args)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(words) as unknown,
    })
  })

  test('takes the keys that the schema of a release takes', () => {
    type Schema = { properties: Record<string, Schema>; pattern?: string; maxLength?: number }
    const crd = load(readFileSync('crds/modelrelease.yaml', 'utf8')) as {
      spec: { versions: { schema: { openAPIV3Schema: Schema } }[] }
    }
    const path = ['spec', 'traffic', 'cloudFrontKeyValueStore', 'key']
    let schema = crd.spec.versions[0]?.schema.openAPIV3Schema
    for (const name of path) schema = schema?.properties[name]
    expect(schema).toMatchObject({ pattern: KEY_PATTERN, minLength: 1, maxLength: 512 })
  })

  test('tells how to print it', () => {
    expect(program('--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('--key NAME') as unknown,
    })
  })
})
