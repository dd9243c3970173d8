import { describe, expect, test } from '@jest/globals'
import { housing } from '../../test/fakes/simulated-world.ts'
import { headerProblems, openedValue, type Header } from './credentials.ts'

function withHeader(header: Partial<Header>): string[] {
  const [gate] = housing(1).gates ?? []
  if (!gate) throw new Error('housing has a gate')
  const headers = [{ name: 'authorization', ...header }]
  const request = { ...gate.smoke.request, headers }
  return headerProblems(housing(1, { gates: [{ ...gate, smoke: { ...gate.smoke, request } }] }))
}

const ref = (name: string, key: string): Partial<Header> => ({ valueFrom: { secretKeyRef: { name, key } } })

describe('a header of the spec', () => {
  test.each([
    ['a value', { value: 'x' }],
    ['an empty value', { value: '' }],
    ['a Secret', ref('gate-token', 'authorization')],
    // From apimachinery's tests of DNS subdomains and of keys of ConfigMaps.
    ['dots in the name', ref('a.b-c.9', 'a')],
    ['a name of 253 characters', ref('a'.repeat(253), 'a')],
    ['a key that begins with a dot', ref('a', '.docker')],
    ['a key with dots within', ref('a', 'a..b')],
    ['a key of every mark', ref('a', '-_.aZ9')],
    ['a key of three dots and more apart', ref('a', '.a...')],
  ])('with %s is taken', (_, header) => {
    expect(withHeader(header)).toEqual([])
  })

  test.each([
    ['neither', {}, 'must have exactly one of value and valueFrom'],
    ['both', { value: 'x', ...ref('a', 'b') }, 'must have exactly one of value and valueFrom'],
    ['capitals in the name', ref('Token', 'a'), 'valueFrom.secretKeyRef.name "Token"'],
    ['a path for a name', ref('..', 'a'), 'valueFrom.secretKeyRef.name ".."'],
    ['another namespace for a name', ref('other/token', 'a'), 'valueFrom.secretKeyRef.name "other/token"'],
    ['no name', ref('', 'a'), 'valueFrom.secretKeyRef.name ""'],
    ['a name that is too long', ref('a'.repeat(254), 'a'), 'valueFrom.secretKeyRef.name'],
    ['a name that ends with a dot', ref('a.', 'a'), 'valueFrom.secretKeyRef.name "a."'],
    ['a key that is a dot', ref('a', '.'), 'valueFrom.secretKeyRef.key "."'],
    ['a key that is two', ref('a', '..'), 'valueFrom.secretKeyRef.key ".."'],
    ['a key that begins with two', ref('a', '..data'), 'valueFrom.secretKeyRef.key "..data"'],
    ['a key with a slash', ref('a', 'b/c'), 'valueFrom.secretKeyRef.key "b/c"'],
    ['the host', { name: 'Host', ...ref('a', 'b') }, 'give it by value'],
  ])('with %s is refused', (_, header, message) => {
    expect(withHeader(header)).toEqual([expect.stringContaining(message)])
    expect(withHeader(header)[0]).toContain('spec.gates "known-house": header "')
  })
})

describe('what stands in a Secret', () => {
  const reference = { name: 'gate-token', key: 'authorization' }
  const opened = (value: string | Buffer): ReturnType<typeof openedValue> =>
    openedValue(reference, 'models', { authorization: Buffer.from(value).toString('base64') })

  test.each(['Bearer abc', 'x', '!~ \t"'.trim(), 'a'.repeat(8190)])('%j is sent as it is', (value) => {
    expect(opened(value)).toEqual({ value })
  })

  test.each([
    ['nothing', '', 'is empty'],
    ['a line break at its end, as echo makes it', 'hunter22secret\n', 'printf'],
    ['another header', 'hunter22secret\r\nx-admin: 1', 'line break'],
    ['a carriage return', 'hunter22secret\rx', 'line break'],
    ['a NUL', 'hunter22secret\0', 'printable ASCII'],
    ['an escape', 'hunter22secret\u001B[31m', 'printable ASCII'],
    ['a delete', 'hunter22secret\u007F', 'printable ASCII'],
    ['an umlaut', 'hunter22secretü', 'printable ASCII'],
    ['bytes that are no text', Buffer.from([0x68, 0xff, 0xfe, 0x80]), 'printable ASCII'],
    ['a space before it', ' hunter22secret', 'white space'],
    ['more than servers take', 'hunter22secret'.repeat(600), 'servers take 8190'],
  ])('%s is refused without being shown', (_, value, message) => {
    const found = opened(value)
    expect(found).toEqual({ problem: expect.stringContaining(message) as unknown })
    expect(JSON.stringify(found)).not.toContain('hunter22')
  })

  test('a Secret that is not there, or has no such key, is told with its name and the remedy', () => {
    expect(openedValue(reference, 'models', undefined)).toEqual({
      problem:
        'Secret models/gate-token is not there: create it with the key "authorization", or correct valueFrom.secretKeyRef.name',
    })
    expect(openedValue(reference, 'models', { other: 'eA==' })).toEqual({
      problem:
        'Secret models/gate-token has no key "authorization": add it, or correct valueFrom.secretKeyRef.key',
    })
    expect(openedValue({ name: 'gate-token', key: 'constructor' }, 'models', {})).toHaveProperty('problem')
  })
})
