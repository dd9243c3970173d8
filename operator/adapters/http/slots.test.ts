import { expect, test } from '@jest/globals'
import { settle } from '../../controller/testing/fake-clock.ts'
import { Slots } from './slots.ts'

/** Acts that end when the test says so, and which of them have begun. */
function acts(slots: Slots) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  return {
    begun,
    begin: (name: string, of: { tenant: string; signal?: AbortSignal }): Promise<string> =>
      slots.use({ signal: new AbortController().signal, ...of }, () => {
        begun.push(name)
        return new Promise((resolve) => ends.set(name, () => resolve(name)))
      }),
    end: async (name: string): Promise<void> => {
      ends.get(name)?.()
      await settle()
    },
  }
}

test('one tenant takes his share, and others find theirs', async () => {
  const { begin, begun, end } = acts(new Slots({ ofOne: 2, ofAll: 3 }))
  for (const name of ['a1', 'a2', 'a3', 'a4']) void begin(name, { tenant: 'a' })
  void begin('b1', { tenant: 'b' })
  void begin('b2', { tenant: 'b' })
  await settle()
  expect(begun).toEqual(['a1', 'a2', 'b1'])
  await end('b1')
  // The third of the first tenant came before, but his share is taken.
  expect(begun).toEqual(['a1', 'a2', 'b1', 'b2'])
  await end('a1')
  await end('a2')
  expect(begun).toEqual(['a1', 'a2', 'b1', 'b2', 'a3', 'a4'])
})

test('what is given up waits no more', async () => {
  const { begin, begun, end } = acts(new Slots({ ofOne: 1, ofAll: 1 }))
  const given = new AbortController()
  void begin('first', { tenant: 'a' })
  void begin('given up', { tenant: 'a', signal: given.signal })
  await settle()
  expect(begun).toEqual(['first'])
  given.abort()
  await settle()
  expect(begun).toEqual(['first', 'given up'])
  void begin('next', { tenant: 'b' })
  await end('first')
  expect(begun).not.toContain('next')
  await end('given up')
  expect(begun).toContain('next')
})

test('an act that fails leaves its place', async () => {
  const slots = new Slots({ ofOne: 1, ofAll: 1 })
  const { signal } = new AbortController()
  const fail = (): Promise<never> => Promise.reject(new Error('no'))
  await expect(slots.use({ tenant: 'a', signal }, fail)).rejects.toThrow('no')
  await expect(slots.use({ tenant: 'a', signal }, () => Promise.resolve(1))).resolves.toBe(1)
})
