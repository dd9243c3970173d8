import { expect, test } from '@jest/globals'
import { conditionsFrom } from './conditions.ts'

test('a message is one plain line, cut between two characters, whoever wrote it', () => {
  const message = `pod says\n\u202Etxt.exe\u0007 ${'😀'.repeat(600)}`
  const [condition] = conditionsFrom([], [{ type: 'Ready', status: 'False', reason: 'Stalled', message }], {
    generation: 1,
    now: '2026-01-01T00:00:00Z',
  })
  expect(condition?.message).toMatch(/^pod says txt\.exe 😀+…$/u)
  expect(condition?.message.length).toBeLessThanOrEqual(1024)
})
