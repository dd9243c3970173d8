import { expect, test } from '@jest/globals'
import { functionSource } from '../../../../cloudfront-function/source.ts'
import { compiled } from '../../../../cloudfront-function/test/compiled.ts'
import { readValue, writeValue, type Route } from './value.ts'

const LIVE = { live: 'blue', at: 1_767_225_600_000 }
const CANARY = { origin: 'green', weight: 10, salt: 'r7', header: 'x-user-id' }

test.each([
  ['a live origin', LIVE],
  ['a canary', { ...LIVE, canary: CANARY }],
  ['a canary by address', { ...LIVE, canary: { origin: 'green', weight: 99, salt: '' } }],
])('%s is read as it was written', (_, route) => {
  expect(readValue(writeValue(route))).toEqual(route)
})

test('the value is what the documentation says', () => {
  expect(writeValue({ ...LIVE, canary: CANARY })).toBe(
    '{"v":1,"live":"blue","canary":{"origin":"green","weight":10,"salt":"r7","header":"x-user-id"},"at":1767225600000}',
  )
  expect(writeValue(LIVE)).toBe('{"v":1,"live":"blue","at":1767225600000}')
})

test('the longest names that a spec allows fit into a value; what does not fit is refused here', () => {
  const long = 'x'.repeat(128)
  const canary = { origin: long, weight: 99, salt: 'x'.repeat(64), header: 'x'.repeat(100) }
  expect(() => writeValue({ ...LIVE, live: long, canary })).not.toThrow()
  expect(() => writeValue({ ...LIVE, live: 'x'.repeat(1024) })).toThrow(RangeError)
})

/** Texts that somebody may have written, and what the function is taken to make of them. */
const FOREIGN: [string, Route | undefined][] = [
  ['', undefined],
  ['{"v":1,', undefined],
  ['null', undefined],
  ['[]', undefined],
  ['"blue"', undefined],
  ['{"live":"blue"}', undefined],
  ['{"v":2,"live":"blue"}', undefined],
  ['{"v":"1","live":"blue"}', undefined],
  ['{"v":1}', undefined],
  ['{"v":1,"live":7}', undefined],
  ['{"v":1,"live":""}', undefined],
  ['{"v":1,"canary":{"origin":"green","weight":100}}', undefined],
  ['{"v":1,"live":"blue","at":"yesterday","more":{}}', { live: 'blue' }],
  ['{"v":1,"live":"blue","canary":null}', { live: 'blue' }],
  ['{"v":1,"live":"blue","canary":"green"}', { live: 'blue' }],
  ['{"v":1,"live":"blue","canary":{"origin":"green"}}', { live: 'blue' }],
  ['{"v":1,"live":"blue","canary":{"origin":"green","weight":0}}', { live: 'blue' }],
  ['{"v":1,"live":"blue","canary":{"origin":"green","weight":-5}}', { live: 'blue' }],
  ['{"v":1,"live":"blue","canary":{"origin":"green","weight":"x"}}', { live: 'blue' }],
  [
    '{"v":1,"live":"blue","canary":{"origin":"green","weight":"100"}}',
    { live: 'blue', canary: { origin: 'green', weight: 100 } },
  ],
  [
    '{"v":1,"live":"blue","canary":{"origin":"green","weight":400}}',
    { live: 'blue', canary: { origin: 'green', weight: 100 } },
  ],
  ['{"v":1,"live":"blue","canary":{"weight":100}}', { live: 'blue', canary: { origin: '', weight: 100 } }],
]

test.each(FOREIGN)('%s is read as what the function makes of it', async (text, route) => {
  expect(readValue(text)).toEqual(route)
  const get = (): Promise<string> => Promise.resolve(text)
  const follow = compiled(functionSource('k'), { get, origins: ['blue', 'green'] })
  const request = { method: 'GET', uri: '/', querystring: {}, headers: {}, cookies: {} }
  const { origin } = await follow({ viewer: { ip: '192.0.2.1' }, request })
  const expected = route?.canary ? route.canary.origin : route?.live
  expect(origin).toBe(expected === '' ? undefined : expected)
})

test('a key that is not there leaves the behavior to decide', () => {
  expect(readValue(undefined)).toBeUndefined()
})
