/** docs/first-release.md as a new user would follow it: its own commands, in their order, in one shell, on a node of its own. */
import { rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { attempt, type RunResult } from '../../cluster/command.ts'
import { runsHere } from '../../cluster/node.ts'
import { firstRelease, ROOT } from '../../scripts/documents.ts'
import { CLUSTER_UP_MS } from '../../operator/test/e2e/real-cluster.ts'

const ENVIRONMENT = {
  MODELRELEASE_CLUSTER_NAME: 'first-release',
  MODELRELEASE_CLUSTER_RANGE: '10.218.0.0/16',
  // The page takes its cluster down at the end: never one of the user's.
  MODELRELEASE_CLUSTER_PROVIDER: 'debian',
  // The npm scripts bring the Node of this project; the plugin is started by the one on the PATH, as on a user's machine.
  PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
}
const FILES = ['dashboard.yaml', 'dashboard-2.yaml', 'dashboard-3.yaml', 'no-probe.yaml']

function shell(script: string): Promise<RunResult> {
  // Its input is a socket: with no shell above it, bash takes itself for one that rshd started, and reads bashrc.
  return attempt('bash', ['--norc', '-euo', 'pipefail', '-c', script], { cwd: ROOT, env: ENVIRONMENT })
}

const LIMIT_MS = CLUSTER_UP_MS + 30 * 60_000

const down = async (): Promise<void> => {
  expect(await shell('npm run -s cluster -- down')).toMatchObject({ code: 0 })
}

const supported = await runsHere()
const when = supported ? test : test.skip

beforeAll(async () => {
  if (supported) await down()
}, LIMIT_MS)
afterAll(async () => {
  for (const file of FILES) rmSync(join(ROOT, file), { force: true })
  if (supported) await down()
}, LIMIT_MS)

when(
  'from a clone to a container that users reach, a second version, the way back, two mistakes, and nothing left',
  async () => {
    const { code, stdout, stderr } = await shell(firstRelease())
    expect({ code, last: code === 0 ? '' : `${stdout}\n${stderr}`.slice(-4000) }).toEqual({
      code: 0,
      last: '',
    })
    const told = [
      'pods use it as ',
      ': dashboard: ok',
      'modelrelease.modelrelease.io/dashboard created',
      'Promoted after ',
      '<b id="version">1</b>',
      'modelrelease.modelrelease.io/dashboard configured',
      'Promoted after ',
      '<b id="version">2</b>',
      'dashboard: undo ',
      '<b id="version">1</b>',
      // The first mistake: what was asked, what came, and who serves meanwhile.
      'Failed after ',
      'the-page: wrong answer',
      'expected: status 200, a body with "<b id=\\"version\\">2</b>"',
      'exit code 1',
      '<b id="version">1</b>',
      // The second.
      'has no readinessProbe',
      'exit code 3',
    ]
    let rest = stdout
    for (const one of told) {
      expect(rest).toContain(one)
      rest = rest.slice(rest.indexOf(one) + one.length)
    }
  },
  LIMIT_MS,
)
