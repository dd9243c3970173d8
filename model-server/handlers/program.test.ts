import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { scratchFolder } from '../test/scratch-folder.ts'
import { runProgram } from './program.ts'
import type { Program } from './program.ts'

let stop: AbortController

beforeEach(() => {
  stop = new AbortController()
})
afterEach(() => stop.abort(new Error('the test is over')))

function shell(
  script: string,
  more: Partial<Program> = {},
): Promise<{ code: number | null; stdout: Uint8Array; stderr: string }> {
  return runProgram({
    program: 'sh',
    args: ['-c', script],
    options: {},
    path: '/usr/bin:/bin',
    signal: stop.signal,
    ...more,
  })
}

test('a program that fails is a result like any other', async () => {
  const { code, stdout, stderr } = await shell('echo out; echo err >&2; exit 3')
  expect({ code, stdout: Buffer.from(stdout).toString(), stderr }).toEqual({
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  })
})

test('of the environment it sees PATH only, it has no input, and it runs in the root', async () => {
  process.env.SECRET_OF_THE_TEST = 'hunter2'
  const { stdout } = await shell('env | sort; cat; pwd')
  expect(Buffer.from(stdout).toString()).toMatch(
    /^LANG=C.UTF-8\nPATH=\/usr\/bin:\/bin\nPWD=\/\n(?:SHLVL=\d\n)?(?:_=.*\n)?\/\n$/,
  )
  delete process.env.SECRET_OF_THE_TEST
})

test('arguments reach it as they are, whatever a shell would make of them', async () => {
  const { stdout } = await runProgram({
    program: 'printf',
    args: ['%s|', '$(id)', 'a b', ';'],
    options: {},
    path: '/usr/bin:/bin',
    signal: stop.signal,
  })
  expect(Buffer.from(stdout).toString()).toBe('$(id)|a b|;|')
})

test('a program that is not there is an error that names it', async () => {
  await expect(shell('', { program: 'no-such-program' })).rejects.toThrow('cannot run no-such-program: ')
})

test('one that writes without end is killed', async () => {
  await expect(shell('yes', { options: { maxStdoutBytes: 1000 } })).rejects.toThrow(
    'sh wrote more than 1000 bytes',
  )
})

test('of its complaints the last are kept', async () => {
  const { stderr } = await shell('yes x | head -c 100000 >&2; printf end >&2')
  expect(stderr).toHaveLength(8192)
  expect(stderr).toMatch(/x\nend$/)
})

test('the signal kills it and what it started', async () => {
  const file = join(scratchFolder('program'), 'pid')
  const running = shell(`sleep 1000 & echo $! > ${file}.new; mv ${file}.new ${file}; wait`)
  let pid = ''
  while (pid === '') pid = await readFile(file, 'utf8').catch(() => '')
  stop.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
  // Its parent is gone, so nobody may have taken note of its end yet.
  const state = await readFile(`/proc/${pid.trim()}/stat`, 'utf8').catch(() => 'gone')
  expect(state).toMatch(/^gone$|\) [ZX] /)
})

test('nothing is started for a request that is over', async () => {
  stop.abort(new Error('too late'))
  await expect(shell('true', { program: 'no-such-program' })).rejects.toThrow('too late')
})
