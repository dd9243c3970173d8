import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { copiedSources, hashInputs, isIgnored, parseIgnore } from './image-inputs.ts'

describe('copiedSources', () => {
  test.each([
    { line: 'COPY package.json ./', sources: ['package.json'] },
    { line: 'COPY a b* /app/', sources: ['a', 'b*'] },
    { line: 'COPY --chown=1000:1000 src ./src', sources: ['src'] },
    { line: 'COPY --from=build /app ./', sources: [] },
    { line: '  add x.tar /', sources: ['x.tar'] },
    { line: 'COPY ["a b", "/c"]', sources: ['a b'] },
    { line: 'COPY a \\\n  b \\\n  /c', sources: ['a', 'b'] },
    { line: '# COPY no /', sources: [] },
    { line: 'RUN echo COPY no /', sources: [] },
  ])('$line', ({ line, sources }) => expect(copiedSources(`FROM x\n${line}\nCMD y\n`)).toEqual(sources))
})

describe('isIgnored', () => {
  const rules = parseIgnore('# why\n\nnode_modules\n**/*.test.ts\n/dist/\n!keep.test.ts\n')
  test.each([
    { path: 'node_modules', ignored: true },
    { path: 'node_modules/a/b.js', ignored: true },
    { path: 'src/a.test.ts', ignored: true },
    { path: 'dist/x', ignored: true },
    { path: 'keep.test.ts', ignored: false },
    { path: 'src/a.ts', ignored: false },
    { path: 'other/node_modules/a', ignored: false },
  ])('$path: $ignored', ({ path, ignored }) => expect(isIgnored(path, rules)).toBe(ignored))
})

describe('hashInputs', () => {
  let context = ''
  const spec = (): { dockerfile: string; context: string; buildArgs: Record<string, string> } => ({
    dockerfile: join(context, 'Dockerfile'),
    context,
    buildArgs: { A: '1' },
  })

  beforeEach(async () => {
    context = await mkdtemp(join(tmpdir(), 'image-inputs-'))
    await mkdir(join(context, 'src'))
    await writeFile(join(context, 'Dockerfile'), 'FROM x\nCOPY package.json ./\nCOPY src ./src\n')
    await writeFile(join(context, '.dockerignore'), '**/*.test.ts\n')
    for (const file of ['package.json', 'src/a.ts', 'src/a.test.ts', 'README.md']) {
      await writeFile(join(context, file), 'one')
    }
  })
  afterEach(() => rm(context, { recursive: true }))

  test.each([
    { name: 'a copied file', change: () => writeFile(join(context, 'src/a.ts'), 'two') },
    { name: 'a new file in a copied directory', change: () => writeFile(join(context, 'src/b.ts'), '') },
    { name: 'a removed file', change: () => rm(join(context, 'src/a.ts')) },
    {
      name: 'the Dockerfile',
      change: () => writeFile(join(context, 'Dockerfile'), 'FROM y\nCOPY src ./src\n'),
    },
  ])('changes with $name', async ({ change }) => {
    const before = await hashInputs(spec(), 'base')
    await change()
    expect(await hashInputs(spec(), 'base')).not.toBe(before)
  })

  test.each([
    { name: 'a file that is not copied', change: () => writeFile(join(context, 'README.md'), 'two') },
    { name: 'an ignored file', change: () => writeFile(join(context, 'src/a.test.ts'), 'two') },
  ])('stays with $name', async ({ change }) => {
    const before = await hashInputs(spec(), 'base')
    await change()
    expect(await hashInputs(spec(), 'base')).toBe(before)
  })

  test('changes with an argument and with the base', async () => {
    const before = await hashInputs(spec(), 'base')
    expect(await hashInputs({ ...spec(), buildArgs: { A: '2' } }, 'base')).not.toBe(before)
    expect(await hashInputs(spec(), 'another base')).not.toBe(before)
  })
})
