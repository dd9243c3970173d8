import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { ROOT } from './program.ts'

/** The very first run on a machine builds Kubernetes. */
const TIMEOUT_MS = 15 * 60_000

test(
  'a demo whose serving color is killed says that it failed, and exits 1',
  async () => {
    const demo = spawn(process.execPath, ['demo/demo.ts', '--self-test'], {
      cwd: ROOT,
      // A cluster of its own, not the one that the other tests share.
      env: { ...process.env, MODELRELEASE_CLUSTER_NAME: undefined, MODELRELEASE_CLUSTER_RANGE: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const output = text(demo.stdout)
    const [code] = (await once(demo, 'close')) as [number | null]
    const lines = (await output).trimEnd().split('\n')
    expect(lines.at(-1)).toMatch(/^demo: failed, \d{3,} requests, [1-9]\d* failed$/)
    // For that reason, and no other: everything before the killing went well.
    const problems = lines.filter((line) => line.startsWith('- '))
    expect(problems[0]).toMatch(/^- [1-9]\d* of \d+ requests failed: /)
    expect(problems.filter((line) => !/failed|nobody was answered|seq \d+|more$/.test(line))).toEqual([])
    expect(code).toBe(1)
  },
  TIMEOUT_MS,
)
