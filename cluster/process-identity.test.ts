import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from '@jest/globals'
import { childrenOf, identify, isRunning, statFields } from './process-identity.ts'

test('statFields finds its way past a name with spaces and parentheses', () => {
  const behind = Array.from({ length: 18 }, (_, index) => String(index + 5)).join(' ')
  expect(statFields(`42 (a) b (c)) S 7 ${behind} rest`)).toEqual({ state: 'S', parent: 7, startTime: '22' })
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a process runs until it has ended, and another start time is another process', async () => {
  const child = spawn('sleep', ['60'])
  await once(child, 'spawn')
  const identity = await identify(child.pid ?? 0)
  if (identity === undefined) throw new Error('the child was not found')
  expect(await childrenOf(process.pid)).toContain(identity.pid)
  expect(await isRunning(identity)).toBe(true)
  expect(await isRunning({ ...identity, startTime: '1' })).toBe(false)
  expect(await isRunning({ ...identity, bootId: 'another boot' })).toBe(false)
  child.kill('SIGKILL')
  await once(child, 'close')
  expect(await isRunning(identity)).toBe(false)
})
