import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { attempt } from '../command.ts'

test('without a command it starts nothing and says how it is used', async () => {
  const { code, stderr } = await attempt(process.execPath, [join(import.meta.dirname, 'main.ts')])
  expect(stderr).toContain('usage: npm run -s kind-here -- COMMAND')
  expect(code).toBe(2)
})
