import { beforeEach, describe, expect, test } from '@jest/globals'
import { OwnChanges } from './own-changes.ts'

type Change = { key: string; meta: { resourceVersion: string } }

const change = (resourceVersion: string, key = 'models/housing'): Change => ({
  key,
  meta: { resourceVersion },
})
const KEY = 'models/housing'

let own: OwnChanges<Change>

beforeEach(() => {
  own = new OwnChanges()
})

describe('a change', () => {
  test('is news where nothing was written', () => expect(own.isNews(change('7'))).toBe(true))

  test('that a pass has written is none, whenever it is seen', () => {
    own.begun(KEY)
    expect(own.ended(KEY, '7')).toBeUndefined()
    expect(own.isNews(change('7'))).toBe(false)
    expect(own.isNews(change('7'))).toBe(false)
  })

  test('that a pass has written is none where it is seen before the answer to the write', () => {
    own.begun(KEY)
    expect(own.isNews(change('7'))).toBe(false)
    expect(own.ended(KEY, '7')).toBeUndefined()
  })

  test('by somebody else after the write is news at the end of the pass', () => {
    own.begun(KEY)
    own.isNews(change('7'))
    own.isNews(change('8'))
    expect(own.ended(KEY, '7')).toEqual(change('8'))
  })

  test('by somebody else during a pass that writes nothing is news at its end', () => {
    own.begun(KEY)
    own.isNews(change('8'))
    expect(own.ended(KEY)).toEqual(change('8'))
    expect(own.isNews(change('9'))).toBe(true)
  })

  test('of another key is news while a pass runs', () => {
    own.begun(KEY)
    expect(own.isNews(change('7', 'models/other'))).toBe(true)
  })

  test('is news again where what was written is forgotten', () => {
    own.begun(KEY)
    own.ended(KEY, '7')
    own.forget(KEY)
    expect(own.isNews(change('7'))).toBe(true)
  })
})
