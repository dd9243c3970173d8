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

/** The last stage: what the image is. */
function finalStage(file: string): string {
  return (
    readFileSync(file, 'utf8')
      .split(/^FROM /m)
      .at(-1) ?? ''
  )
}

test.each(['Dockerfile.operator', 'Dockerfile.server'])(
  '%s runs no install script and ends without npm',
  (file) => {
    const installs = [...readFileSync(file, 'utf8').matchAll(/npm ci[^\n]*/g)].map(([line]) => line)
    expect(installs).toHaveLength(1)
    for (const line of installs) expect(line).toContain('--ignore-scripts')
    expect(finalStage(file)).toMatch(/^RUN rm -rf \/usr\/local\/lib\/node_modules /m)
    expect(finalStage(file)).not.toMatch(/^RUN (?!rm -rf)/m)
  },
)

test.each(['Dockerfile.operator', 'Dockerfile.server'])('%s says what it is', (file) => {
  for (const label of ['title', 'description', 'version', 'licenses'])
    expect(finalStage(file)).toContain(`org.opencontainers.image.${label}=`)
  expect(finalStage(file)).toMatch(/^USER \d+:\d+$/m)
})
