import { execFileSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, matchesGlob } from 'node:path'
import { expect, test } from '@jest/globals'

test('Dockerfile.operator copies every file that the operator and the command line are made of', () => {
  const patterns = [
    ...readFileSync('Dockerfile.operator', 'utf8').matchAll(/^COPY ((?:operator|cli)\/\S+\.ts) /gm),
  ].map((match) => match[1] ?? '')
  const exclude = ['**/*.test.ts', '**/*.testdata.ts', '**/test/**', '**/testing/**', '**/node_modules/**']
  const missing = globSync('{operator,cli}/**/*.ts', { exclude }).filter(
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

test('the image of the model server has the locale that models of text ask for', () => {
  expect(finalStage('Dockerfile.server')).toContain('ln -s C.utf8 /usr/lib/locale/en_US.utf8')
})

type Component = { name: string; version: string; licenses?: unknown[]; hashes?: unknown[] }

test.each([
  { folder: 'operator', file: 'Dockerfile.operator', needs: '@aws-sdk/client-cloudfront' },
  { folder: 'model-server', file: 'Dockerfile.server', needs: 'onnxruntime-node' },
])('the image of $folder carries the list of what is in it', ({ folder, file, needs }) => {
  const text = readFileSync(file, 'utf8')
  const command = /npx (--yes npm@\S+ sbom [^>]*)> sbom\.cdx\.json/.exec(text)?.[1]?.trim().split(' ') ?? []
  expect(finalStage(file)).toContain('sbom.cdx.json')
  const scratch = mkdtempSync(join(tmpdir(), 'modelrelease-sbom-'))
  try {
    for (const name of ['package.json', 'package-lock.json', '.npmrc', join(folder, 'package.json')])
      cpSync(name, join(scratch, name))
    const listed = execFileSync('npx', command, {
      cwd: scratch,
      encoding: 'utf8',
    })
    const { bomFormat, components } = JSON.parse(listed) as { bomFormat: string; components: Component[] }
    expect(bomFormat).toBe('CycloneDX')
    const names = components.map(({ name }) => name)
    expect(names).toContain(needs)
    for (const tool of ['jest', 'eslint', 'typescript']) expect(names).not.toContain(tool)
    expect(components.filter(({ version, licenses }) => !version || !licenses?.length)).toEqual([])
  } finally {
    rmSync(scratch, { recursive: true })
  }
})
