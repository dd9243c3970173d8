/** commit.sh, with a real git and a repository of releases that others push to. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ROOT } from './test/programs.ts'

const IMAGE = `registry.example.com/model-server@sha256:${'c'.repeat(64)}`
const RELEASE = `spec:
  model:
    name: housing
    serverImage: registry.example.com/model-server@sha256:${'0'.repeat(64)}
  replicas: 2
`
const ENVIRONMENT = {
  PATH: process.env.PATH ?? '',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  ...Object.fromEntries(
    ['AUTHOR', 'COMMITTER'].flatMap((who) => [
      [`GIT_${who}_NAME`, 'ci'],
      [`GIT_${who}_EMAIL`, 'ci@example.com'],
    ]),
  ),
}

// A machine that only tests may have none.
const withGit = spawnSync('git', ['--version']).status === 0 ? describe : describe.skip

withGit('commit.sh', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'releases-'))
    git('.', 'init', '--quiet', '--bare', '--initial-branch=main', 'origin.git')
    for (const name of ['first', 'clone', 'other']) {
      git('.', 'clone', '--quiet', 'origin.git', name)
      if (name === 'first') commit('first', 'housing.yaml', RELEASE)
    }
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function git(where: string, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('git', args, {
      cwd: join(folder, where),
      env: ENVIRONMENT,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }

  function commit(clone: string, file: string, text: string): void {
    git(clone, 'checkout', '--quiet', '-B', 'main')
    writeFileSync(join(folder, clone, file), text)
    git(clone, 'add', file)
    git(clone, 'commit', '--quiet', '--message', `change ${file}`)
    git(clone, 'push', '--quiet', '--set-upstream', 'origin', 'main')
  }

  function run(image = IMAGE): { status: number | null; stderr: string } {
    const script = join(ROOT, 'scripts/ci/commit.sh')
    const { status, stderr } = spawnSync('bash', [script, join(folder, 'clone'), 'housing.yaml', image], {
      env: ENVIRONMENT,
      encoding: 'utf8',
    })
    return { status, stderr }
  }

  const pushed = (): string => git('origin.git', 'show', 'main:housing.yaml')
  const commits = (): number => Number(git('origin.git', 'rev-list', '--count', 'main'))

  test('asks for the image and changes nothing else; twice is one commit', () => {
    expect(run()).toEqual({ status: 0, stderr: '' })
    expect(pushed()).toBe(RELEASE.replace(/serverImage: .*/, `serverImage: ${IMAGE}`).trim())
    expect(run()).toEqual({ status: 0, stderr: '' })
    expect(commits()).toBe(2)
  })

  test('comes after what somebody else pushed at the same moment', () => {
    commit('other', 'README', 'theirs')
    // Pushes in the middle of the first try: after the pull, before our push.
    const hook = join(folder, 'clone/.git/hooks/pre-push')
    writeFileSync(
      hook,
      `#!/bin/sh\nrm "$0"\ncd ${folder}/other && env -u GIT_DIR git push --quiet origin HEAD:main\n`,
    )
    writeFileSync(join(folder, 'other/README'), 'theirs again')
    git('other', 'commit', '--quiet', '--all', '--message', 'theirs again')
    chmodSync(hook, 0o755)
    expect(run().status).toBe(0)
    expect(pushed()).toContain(IMAGE)
    expect(git('origin.git', 'show', 'main:README')).toBe('theirs again')
  })

  test.each(['registry.example.com/model-server:latest', `x|y@sha256:${'c'.repeat(64)}`])(
    'refuses %s',
    (image) => {
      expect(run(image)).toEqual({ status: 2, stderr: expect.stringContaining('names no digest') as unknown })
      expect(commits()).toBe(1)
    },
  )

  test('refuses a file that asks for no one image', () => {
    commit('first', 'housing.yaml', 'spec: {}\n')
    git('clone', 'pull', '--quiet')
    expect(run()).toEqual({ status: 1, stderr: expect.stringContaining('one line serverImage') as unknown })
  })
})
