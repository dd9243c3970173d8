import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { cli } from '../cli/test/release-server.ts'
import { blocksOf, documentedBlocks, firstRelease, PROOFS, ROOT } from './documents.ts'

test('a block is known by its page, its heading and its number', () => {
  const page =
    '# A\n```sh\none\n```\n## B\n```sh\ntwo\n```\n```yaml\n# no: heading\n```\n```bash\nthree\nfour\n```\n'
  expect(blocksOf('a.md', page)).toEqual([
    { at: 'a.md#A', commands: 'one\n' },
    { at: 'a.md#B', commands: 'two\n' },
    { at: 'a.md#B/2', commands: 'three\nfour\n' },
  ])
})

test('every block of commands is run by a test, or scripts/documents.ts says why it cannot be', () => {
  expect(Object.keys(PROOFS).toSorted()).toEqual(
    documentedBlocks()
      .map(({ at }) => at)
      .toSorted(),
  )
})

test('the tests that are named exist', () => {
  const named = Object.values(PROOFS).flatMap((proof) => ('test' in proof ? [proof.test] : []))
  expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
})

test('the files that CONTRIBUTING.md names for a change exist', () => {
  const text =
    readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8').split('## Where things may not go')[0] ?? ''
  const named = [...text.matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, file = '']) => file)
  expect(named.length).toBeGreaterThan(50)
  expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
})

describe('docs/first-release.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelrelease-documents-'))
  /** Only what makes files: no cluster is asked. */
  const made = (file: string): string => {
    const lines = firstRelease().split('\n')
    const start = lines.findIndex((line) => line.startsWith('cat > dashboard.yaml'))
    const end = lines.indexOf('YAML', start)
    const seds = lines.filter((line) => /^sed .* > [\w-]+\.yaml$/.test(line))
    const script = [...lines.slice(start, end + 1), ...seds].join('\n')
    // Its input is a socket: with no shell above it, bash takes itself for one that rshd started, and reads bashrc.
    const { status, stderr } = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return join(folder, file)
  }
  const lint = (file: string) => cli({ kubeconfig: join(folder, 'none') }, ['lint', '-f', made(file)])

  test('is one script that a shell can read', () => {
    const script = join(folder, 'script.sh')
    writeFileSync(script, firstRelease())
    expect(spawnSync('bash', ['-n', script], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  })

  test.each(['dashboard.yaml', 'dashboard-2.yaml', 'dashboard-3.yaml'])(
    '%s is a release without a fault',
    async (file) => {
      const { code, out } = await lint(file)
      expect(code).toBe(0)
      expect(out).toMatch(/: dashboard: ok\n$/)
    },
  )

  test('the mistake without a probe is one', async () => {
    const { code, out } = await lint('no-probe.yaml')
    expect(code).toBe(3)
    expect(out).toContain('has no readinessProbe')
  })
})
