import { describe, expect, test } from '@jest/globals'
import { housingRows, QUESTIONS } from './questions.ts'
import type { Answer } from './questions.ts'

const json = (value: unknown, status = 200): Answer => ({
  status,
  headers: {},
  body: Buffer.from(JSON.stringify(value)),
})

describe('an answer to one row', () => {
  const { check } = housingRows([0])

  test('that is right passes', () => {
    expect(() => check(json({ prediction: [26.928] }))).not.toThrow()
  })

  test.each([
    ['a wrong number', json({ prediction: [26.9] })],
    ['too many numbers', json({ prediction: [26.928, 1] })],
    ['no numbers', json({})],
    ['a refusal', json({ prediction: [26.928] }, 503)],
  ])('that is %s does not', (_, answer) => {
    expect(() => check(answer)).toThrow()
  })
})

test('a binary answer is read behind its header', () => {
  const header = Buffer.from('{"outputs":[]}')
  const body = Buffer.concat([header, Buffer.from(Float32Array.from([0.5, 0.5, 0.5]).buffer)])
  const headers = { 'inference-header-content-length': String(header.length) }
  // The picture's channels all have a mean just under a half.
  const { check } = QUESTIONS['image-binary']()
  expect(() => check({ status: 200, headers, body })).not.toThrow()
  expect(() => check({ status: 200, headers: {}, body })).toThrow()
})

test('a picture as bytes is the picture as JSON', () => {
  const asJson = QUESTIONS['image-json']()
  const asBytes = QUESTIONS['image-binary']()
  const length = Number(asBytes.headers['inference-header-content-length'])
  const bytes = new Float32Array(Uint8Array.from(asBytes.body.subarray(length)).buffer)
  const { inputs } = JSON.parse(asJson.body.toString()) as { inputs: { data: number[] }[] }
  expect(Array.from(bytes)).toEqual(inputs[0]?.data)
})
