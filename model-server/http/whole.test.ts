import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Whole } from './whole.ts'

const MIB = 2 ** 20

/** A body in pieces of at most so many bytes. */
function pieces(body: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
    body.subarray(index * size, (index + 1) * size),
  )
}

test('whatever the pieces, they become the body, and its numbers lie where numbers may begin', () => {
  const bodies = fc.uint8Array({ minLength: 2, maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(
      bodies,
      fc.integer({ min: 1, max: 60 }),
      fc.nat(200),
      fc.boolean(),
      (body, size, at, known) => {
        const whole = new Whole(known ? String(body.length) : undefined, at)
        const parts = pieces(body, size)
        for (const piece of parts) whole.add(piece)
        expect(whole.bytes().equals(body)).toBe(true)
        if (known && parts.length > 1) expect((whole.bytes().byteOffset + at) % 8).toBe(0)
      },
    ),
  )
})

test('a body in one piece is not copied', () => {
  const body = Buffer.from('{"inputs":[]}')
  const whole = new Whole(String(body.length), 0)
  whole.add(body)
  expect(whole.bytes()).toBe(body)
})

test('a body of known length is laid at one place, and not copied again', () => {
  const whole = new Whole(String(MIB), 0)
  for (const piece of pieces(Buffer.alloc(MIB / 2, 1), 65_536)) whole.add(piece)
  const { buffer } = whole.bytes()
  for (const piece of pieces(Buffer.alloc(MIB / 2, 2), 65_536)) whole.add(piece)
  expect(whole.bytes().buffer).toBe(buffer)
  expect(buffer.byteLength).toBe(MIB)
})

test('memory grows with what came, and not with what was announced', () => {
  const whole = new Whole(String(2 ** 30), 0)
  whole.add(Buffer.from('{'))
  expect(whole.bytes().buffer.byteLength).toBe(MIB)
  const body = Buffer.alloc(3 * MIB, 7)
  for (const piece of pieces(body, MIB)) whole.add(piece)
  expect(whole.bytes().equals(Buffer.concat([Buffer.from('{'), body]))).toBe(true)
  expect(whole.bytes().buffer.byteLength).toBeLessThan(8 * MIB)
})
