/** The function as it is printed, in the engine that CloudFront's is of the family of: it decides there as it does here. */
import { describe, expect, test } from '@jest/globals'
import { njs, type Njs } from '../cloudfront-local/test/njs.ts'
import { functionSource } from './source.ts'
import { compiled, type Headers } from './test/compiled.ts'

const engine = await njs()
const SOURCE = functionSource('housing')
const ORIGINS = ['blue', 'green']

/** The two modules of the runtime, as far as the function uses them; `crypto` is the engine's own. */
const CLOUDFRONT = `
var value = VALUE, origins = ${JSON.stringify(ORIGINS)}, chosen
export default {
  kvs: function () { return { get: function (key) {
    return key === 'housing' && value !== null ? Promise.resolve(value) : Promise.reject(new Error('KeyNotFound'))
  } } },
  selectRequestOriginById: function (id) {
    if (origins.indexOf(id) < 0) throw new Error('no origin ' + id)
    chosen = id
  },
  chosen: function () { return chosen }
}`

type Decision = { request: { headers: Headers }; origin?: string; logs: string[] }
type Case = { name: string; value: string | null; headers?: Headers; ip?: string }

const canary = (weight: unknown, more: object = {}): string =>
  JSON.stringify({ v: 1, live: 'blue', canary: { origin: 'green', weight, salt: 'r7', ...more }, at: 1 })

const user = (name: string): Headers => ({ 'x-user-id': { value: name } })

const CASES: Case[] = [
  { name: 'a live origin', value: '{"v":1,"live":"green","at":1}' },
  {
    name: 'a forged hint',
    value: '{"v":1,"live":"green"}',
    headers: { 'x-modelrelease-origin': { value: 'x' } },
  },
  { name: 'no key', value: null },
  { name: 'garbage', value: '{"v":1,' },
  { name: 'nothing', value: '' },
  { name: 'null', value: 'null' },
  { name: 'a text', value: '"blue"' },
  { name: 'an unknown version', value: '{"v":2,"live":"blue"}' },
  { name: 'no live origin', value: '{"v":1}' },
  { name: 'a number for an origin', value: '{"v":1,"live":7}' },
  { name: 'an origin that is not there', value: '{"v":1,"live":"red"}' },
  { name: 'a canary without an origin', value: canary(100, { origin: undefined }) },
  { name: 'a canary that is not there', value: canary(100, { origin: 'red' }) },
  ...[0, -1, 'many', 50, 100, 1000].map((weight) => ({ name: `weight ${weight}`, value: canary(weight) })),
  ...Array.from({ length: 20 }, (_, index) => ({
    name: `user ${index} by header`,
    value: canary(50, { header: 'x-user-id' }),
    headers: user(`user-${index}-é`),
  })),
  ...Array.from({ length: 20 }, (_, index) => ({
    name: `address ${index}`,
    value: canary(50, { header: 'x-user-id' }),
    ip: `192.0.2.${index}`,
  })),
]

function eventOf({ headers = {}, ip = '192.0.2.1' }: Case) {
  return {
    viewer: { ip },
    request: { method: 'GET', uri: '/', querystring: {}, headers: { ...headers }, cookies: {} },
  }
}

async function there({ run }: Njs, given: Case): Promise<Decision> {
  const report = `
var logs = []
console.log = function (line) { logs.push(line) }
handler(${JSON.stringify(eventOf(given))}).then(function (request) {
  print(JSON.stringify({ request: request, origin: cf.chosen(), logs: logs }))
})`
  const said = await run({
    cloudfront: CLOUDFRONT.replace('VALUE', () => JSON.stringify(given.value)),
    'main.js': SOURCE + report,
  })
  return JSON.parse(said) as Decision
}

function here(given: Case): Promise<Decision> {
  const get = () =>
    given.value === null ? Promise.reject(new Error('KeyNotFound')) : Promise.resolve(given.value)
  return compiled(SOURCE, { get, origins: ORIGINS })(eventOf(given))
}

const withEngine = engine === undefined ? describe.skip : describe

/** Only where there is one. */
function started(): Njs {
  if (engine === undefined) throw new Error('njs is not here')
  return engine
}

withEngine('in njs', () => {
  test.each(CASES)('of $name makes the same as here', async (given) => {
    const [theirs, ours] = [await there(started(), given), await here(given)]
    expect({ ...theirs, logs: theirs.logs.length }).toEqual({ ...ours, logs: ours.logs.length })
  })

  test('the cases meet both colors and neither', async () => {
    const origins = await Promise.all(CASES.map(async (given) => (await there(started(), given)).origin))
    expect(new Set(origins)).toEqual(new Set(['blue', 'green', undefined]))
  })

  test('the function as it was is refused', async () => {
    const before = SOURCE.replace(/const text = (.*)\n.*$/m, 'const value = JSON.parse($1)')
    expect(before).not.toBe(SOURCE)
    const said = await started().run({
      cloudfront: CLOUDFRONT.replace('VALUE', 'null'),
      'main.js': before,
    })
    expect(said).toContain('await in arguments not supported')
  })
})
