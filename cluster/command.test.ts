import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { attempt, run } from './command.ts'

test('returns what was said, trimmed', async () => {
  expect(await run('echo', [' a '])).toBe('a')
})

test('hands over input and variables', async () => {
  expect(await run('sh', ['-c', 'cat; echo "$A"'], { input: 'in ', env: { A: 'b c' } })).toBe('in b c')
})

test('a failure carries the command’s last words', async () => {
  await expect(run('sh', ['-c', 'echo out; echo err >&2; exit 3'])).rejects.toThrow('sh failed: out /  / err')
})

test('a failure with a log file names it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'command-'))
  const logFile = join(directory, 'log')
  await expect(run('sh', ['-c', 'echo out; exit 3'], { logFile })).rejects.toThrow(
    `sh failed: exit code 3, see ${logFile}`,
  )
  expect(await readFile(logFile, 'utf8')).toBe('out\n')
  await rm(directory, { recursive: true })
})

test('a program that does not exist is named', async () => {
  await expect(attempt('no-such-program', [])).rejects.toThrow('cannot run no-such-program: ENOENT')
})

test('an abort ends the command with everything that it started', async () => {
  const stop = new AbortController()
  const reason = new Error('enough')
  // The pipe stays open for as long as the grandchild lives, so this would not return if only the shell were killed.
  const running = attempt('sh', ['-c', 'sleep 600 & wait'], { signal: stop.signal })
  stop.abort(reason)
  await expect(running).rejects.toBe(reason)
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('stdin is no socket, or bash would read the user’s startup files', async () => {
  expect(await run('readlink', ['/proc/self/fd/0'])).toBe('/dev/null')
})
