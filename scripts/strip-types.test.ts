import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

const root = fileURLToPath(new URL('..', import.meta.url))

test.each(['operator', 'model-server'])(
  'the JavaScript of the image of %s finds all its parts and starts',
  (program) => {
    // Inside node_modules, so that the dependencies are found as they are in the image.
    const out = mkdtempSync(join(root, `node_modules/.${program}-`))
    try {
      const stripped = spawnSync(
        process.execPath,
        [join(root, 'scripts/strip-types.ts'), join(root, program), out],
        { encoding: 'utf8' },
      )
      expect(stripped.status).toBe(0)
      copyFileSync(join(root, program, 'package.json'), join(out, 'package.json'))
      const started = spawnSync(process.execPath, [join(out, 'main.js')], { encoding: 'utf8', env: {} })
      expect(started.stderr).toMatch(/^invalid configuration:/)
      expect(started.status).toBe(2)
    } finally {
      rmSync(out, { recursive: true })
    }
  },
)

test.each([
  ["import { a } from './a.ts'", "import { a } from './a.js'"],
  ["import '../a/b.ts'", "import '../a/b.js'"],
  ["const a = await import('./a.ts')", "const a = await import('./a.js')"],
  ["new Worker(new URL('./a.ts', import.meta.url))", "new Worker(new URL('./a.js', import.meta.url))"],
  ["import a from 'some/package.ts'", "import a from 'some/package.ts'"],
])('%s names the file that is in the image', (written, expected) => {
  const folder = mkdtempSync(join(tmpdir(), 'strip-types-'))
  try {
    mkdirSync(join(folder, 'in'))
    writeFileSync(join(folder, 'in/main.ts'), written)
    const { status } = spawnSync(
      process.execPath,
      ['scripts/strip-types.ts', join(folder, 'in'), join(folder, 'out')],
      { cwd: root },
    )
    expect(status).toBe(0)
    expect(readFileSync(join(folder, 'out/main.js'), 'utf8')).toBe(expected)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
