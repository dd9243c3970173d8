import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { borrowed, type Borrowed } from './borrowed.ts'

let folder = ''
/** What is in the cluster of the user. */
let there: Set<string>
const deleted: string[] = []

/** The two verbs that are used, as kubectl does them. */
const kubectl = ([verb, ...rest]: readonly string[]): Promise<string> => {
  const objects = rest.filter((word) => !word.startsWith('--'))
  const found = objects.filter((object) => there.has(object))
  if (verb === 'delete')
    for (const object of found) {
      there.delete(object)
      deleted.push(object)
    }
  return Promise.resolve(found.join('\n'))
}

const open = (): Borrowed => borrowed({ context: 'prod', file: join(folder, 'claimed.json'), kubectl })

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelrelease-borrowed-'))
  there = new Set(['namespace/default', 'crd/others'])
  deleted.length = 0
})

afterEach(() => rmSync(folder, { recursive: true }))

test('what was claimed is removed, namespaces first, and nothing else; also by a later process', async () => {
  await open().claim(['crd/ours', 'namespace/models'])
  await open().claim(['namespace/more'])
  for (const object of ['crd/ours', 'namespace/models', 'namespace/more', 'namespace/theirs'])
    there.add(object)
  await open().giveBack()
  expect(deleted).toEqual(['namespace/models', 'namespace/more', 'crd/ours'])
  expect([...there]).toEqual(['namespace/default', 'crd/others', 'namespace/theirs'])
  deleted.length = 0
  await open().giveBack()
  expect(deleted).toEqual([])
})

test('what is there already is refused by name, and stays whatever comes', async () => {
  there.add('crd/ours')
  await expect(open().claim(['namespace/models', 'crd/ours'])).rejects.toThrow(
    /context prod has crd\/ours already.*nothing was changed/,
  )
  await open().giveBack()
  expect(there.has('crd/ours')).toBe(true)
})

test('what we made ourselves may be claimed again', async () => {
  await open().claim(['crd/ours'])
  there.add('crd/ours')
  await expect(open().claim(['crd/ours', 'namespace/next'])).resolves.toBeUndefined()
})
