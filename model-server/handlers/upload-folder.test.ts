import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from '@jest/globals'
import { UploadFolder } from './upload-folder.ts'

/** Larger than any process id. */
const NOBODY = 2 ** 30

let parent: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'upload-folder-'))
})

test('what a process that is gone left behind is deleted, and nothing else', () => {
  for (const name of [
    `model-server-${NOBODY}`,
    'model-server-12',
    'model-server-1',
    'model-server-',
    'else',
  ]) {
    mkdirSync(join(parent, name))
    writeFileSync(join(parent, name, 'file'), 'x')
  }
  // In a container the predecessor had the same id; 1 is alive.
  new UploadFolder(parent, 100, 12)
  expect(readdirSync(parent).sort()).toEqual(['else', 'model-server-', 'model-server-1', 'model-server-12'])
  expect(readdirSync(join(parent, 'model-server-12'))).toEqual([])
})

test('nobody else can look into it', () => {
  new UploadFolder(parent, 100, 12)
  expect(statSync(join(parent, 'model-server-12')).mode & 0o777).toBe(0o700)
})

test('every upload has its own place, which goes with all that is in it', async () => {
  const uploads = new UploadFolder(parent, 100, 12)
  const [first, second] = [uploads.newUpload(), uploads.newUpload()]
  expect(dirname(first.folder)).toBe(dirname(second.folder))
  for (const { folder } of [first, second]) mkdirSync(folder)
  writeFileSync(join(first.folder, 'file'), 'x')
  await first.remove()
  expect([existsSync(first.folder), existsSync(second.folder)]).toEqual([false, true])
  uploads.removeAll()
  expect(readdirSync(parent)).toEqual([])
})

test('all uploads together have as much room as there is, and give theirs back when they go', async () => {
  const uploads = new UploadFolder(parent, 100, 12)
  const [first, second] = [uploads.newUpload(), uploads.newUpload()]
  expect([first.takeRoom(60), second.takeRoom(41), second.takeRoom(40)]).toEqual([true, false, true])
  await first.remove()
  await first.remove()
  expect([second.takeRoom(61), second.takeRoom(60)]).toEqual([false, true])
})

test('an upload that goes takes no more room, which nobody would give back', async () => {
  const uploads = new UploadFolder(parent, 100, 12)
  const first = uploads.newUpload()
  const gone = first.remove()
  expect(first.takeRoom(60)).toBe(false)
  await gone
  expect([first.takeRoom(60), uploads.newUpload().takeRoom(100)]).toEqual([false, true])
})

test('a place that cannot be used is an error that names it', () => {
  expect(() => new UploadFolder(join(parent, 'missing'), 100, 12)).toThrow(/ENOENT.*missing/)
})
