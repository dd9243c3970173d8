import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { borrowed, type Borrowed } from './borrowed.ts'

let folder = ''
/** What is in the cluster of the user. */
let there: Set<string>
const deleted: string[] = []

/** Which cluster the context leads to; none where it is gone. */
let uid: string | undefined

/** The two verbs that are used, as kubectl does them. */
const kubectl = ([verb, ...rest]: readonly string[]): Promise<string> => {
  if (uid === undefined)
    return Promise.reject(new Error('kubectl get:\nThe connection to the server 10.0.0.1:6443 was refused'))
  if (rest.includes('namespace/kube-system')) return Promise.resolve(uid)
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
  uid = 'first'
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

test('another cluster that came to the same name is not taken for the one that was claimed', async () => {
  await open().claim(['namespace/models', 'crd/ours'])
  uid = 'second'
  there.add('namespace/models')
  await expect(open().claim(['namespace/models'])).rejects.toThrow(/has namespace\/models already/)
  const elsewhere = `context prod leads to another cluster now, and an earlier run made namespace/models, crd/ours in the one before; in this one nothing of it was touched. Have the context lead to that cluster, then run up and down. If that cluster is gone for good: rm ${join(folder, 'claimed.json')}`
  await expect(open().giveBack()).rejects.toThrow(elsewhere)
  expect(deleted).toEqual([])
  // It was forgotten nowhere.
  uid = 'first'
  await open().giveBack()
  expect(deleted).toEqual(['namespace/models'])
  await expect(open().giveBack()).resolves.toBeUndefined()
})

test('what was made in two clusters of one name is taken out of each', async () => {
  await open().claim(['namespace/models'])
  uid = 'second'
  await open().claim(['namespace/other'])
  there.add('namespace/models').add('namespace/other')
  await expect(open().giveBack()).rejects.toThrow(/an earlier run made namespace\/models in the one before/)
  expect(deleted).toEqual(['namespace/other'])
  uid = 'first'
  await open().giveBack()
  expect(deleted).toEqual(['namespace/other', 'namespace/models'])
})

test('the record of an earlier version is read', async () => {
  const file = join(folder, 'claimed.json')
  writeFileSync(file, JSON.stringify({ cluster: 'first', objects: ['namespace/models'] }))
  there.add('namespace/models')
  await open().claim(['crd/ours'])
  await open().giveBack()
  expect(deleted).toEqual(['namespace/models'])
})

test('a cluster that does not answer keeps its record, and the error names the remedy', async () => {
  await open().claim(['namespace/models'])
  there.add('namespace/models')
  uid = undefined
  const remedy = `context prod does not answer (The connection to the server 10.0.0.1:6443 was refused), and an earlier run made namespace/models there. Once it answers, run this again. If that cluster is gone for good: rm ${join(folder, 'claimed.json')}`
  await expect(open().giveBack()).rejects.toThrow(remedy)
  uid = 'first'
  await open().giveBack()
  expect(deleted).toEqual(['namespace/models'])
})

test('nothing is asked of a cluster in which nothing was made', async () => {
  uid = undefined
  await expect(open().giveBack()).resolves.toBeUndefined()
})
