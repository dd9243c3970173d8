import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { lock } from './lock.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-'))
})
afterEach(() => rm(directory, { recursive: true }))

/** The lock is the one of util-linux. */
const onLinux = process.platform === 'linux' ? test : test.skip
const nobody = (): void => undefined

onLinux('a second one is told that it waits, and comes in after the first', async () => {
  const file = join(directory, 'sub/lock')
  const first = await lock(file, nobody)
  const order: string[] = []
  const told = Promise.withResolvers<undefined>()
  const second = lock(file, () => told.resolve(undefined)).then((held) => {
    order.push('second')
    return held
  })
  await told.promise
  order.push('first')
  await first.release()
  await (await second).release()
  expect(order).toEqual(['first', 'second'])
})

onLinux('a holder that is killed holds nothing', async () => {
  const file = join(directory, 'lock')
  const program = `import { lock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))}
await lock(${JSON.stringify(file)}, () => undefined)
console.log('held')
setInterval(() => undefined, 1000)`
  const holder = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program])
  await once(holder.stdout, 'data')
  holder.kill('SIGKILL')
  await (await lock(file, nobody)).release()
})

onLinux('an abort ends the waiting', async () => {
  const file = join(directory, 'lock')
  const first = await lock(file, nobody)
  const stop = new AbortController()
  const second = lock(file, () => stop.abort(new Error('enough')), stop.signal)
  await expect(second).rejects.toThrow('enough')
  await first.release()
})

onLinux('an abort that comes before the lock is had, or with it, leaves nobody holding it', async () => {
  const file = join(directory, 'lock')
  const late = AbortSignal.abort(new Error('too late'))
  await expect(lock(file, nobody, late)).rejects.toThrow('too late')
  await (await lock(file, nobody)).release()
})
