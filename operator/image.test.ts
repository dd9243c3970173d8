import { globSync, readFileSync } from 'node:fs'
import { matchesGlob } from 'node:path'
import { expect, test } from '@jest/globals'

test('Dockerfile.operator copies every file that the operator is made of', () => {
  const patterns = [
    ...readFileSync('Dockerfile.operator', 'utf8').matchAll(/^COPY (operator\/\S+\.ts) /gm),
  ].map((match) => match[1] ?? '')
  const exclude = ['**/*.test.ts', '**/*.testdata.ts', '**/test/**', '**/testing/**', '**/node_modules/**']
  const missing = globSync('operator/**/*.ts', { exclude }).filter(
    (file) => !patterns.some((pattern) => matchesGlob(file, pattern)),
  )
  expect(missing).toEqual([])
})
