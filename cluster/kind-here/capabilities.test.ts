import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { run } from '../command.ts'
import { missingCapabilities, runtimeWithout } from './capabilities.ts'

describe('missingCapabilities', () => {
  const known = ['chown', 'kill', 'sys_resource']
  test.each([
    ['0000000000000007', []],
    ['0000000000000003', ['CAP_SYS_RESOURCE']],
    ['0000000000000002', ['CAP_CHOWN', 'CAP_SYS_RESOURCE']],
    // A bit that the kernel has and the list does not.
    ['000001ffffffffff', []],
  ])('of the bounding set %s are %j', (bounding, missing) => {
    expect(missingCapabilities(bounding, known)).toEqual(missing)
  })

  test('above the 32nd bit as below it', () => {
    const many = Array.from({ length: 41 }, (_, bit) => `c${bit}`)
    expect(missingCapabilities('1fffffffff', many)).toEqual(['CAP_C37', 'CAP_C38', 'CAP_C39', 'CAP_C40'])
  })
})

describe('the runtime', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runtime-'))
    await mkdir(join(folder, 'bundle'))
    // Stands for runc, and says what it was given.
    await writeFile(join(folder, 'runtime'), runtimeWithout(['CAP_A', 'CAP_B'], '/bin/echo'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test.each([
    ['first', '["CAP_A","CAP_X"]', '["CAP_X"]'],
    ['in the middle', '["CAP_X","CAP_A","CAP_Y"]', '["CAP_X","CAP_Y"]'],
    ['last', '["CAP_X","CAP_B"]', '["CAP_X"]'],
    ['alone', '["CAP_A"]', '[]'],
    ['one after the other', '["CAP_A","CAP_B"]', '[]'],
    ['as a part of another name', '["CAP_AB","CAP_BA"]', '["CAP_AB","CAP_BA"]'],
  ])('takes out what stands %s', async (_, before, after) => {
    const config = (list: string): string =>
      `{"process":{"capabilities":{"bounding":${list},"effective":${list}}}}`
    const file = join(folder, 'bundle/config.json')
    await writeFile(file, config(before))
    const told = await run('sh', [
      join(folder, 'runtime'),
      '--root',
      '/r',
      'create',
      '--bundle',
      join(folder, 'bundle'),
      'id',
    ])
    expect(await readFile(file, 'utf8')).toBe(config(after))
    expect(told).toBe(`--root /r create --bundle ${join(folder, 'bundle')} id`)
  })

  test('does the same for a process that joins a container', async () => {
    const file = join(folder, 'process.json')
    await writeFile(file, '{"capabilities":{"bounding":["CAP_X","CAP_A"]}}')
    await run('sh', [join(folder, 'runtime'), 'exec', '--process', file, '--detach', 'id'])
    expect(await readFile(file, 'utf8')).toBe('{"capabilities":{"bounding":["CAP_X"]}}')
  })

  test('hands everything else on', async () => {
    expect(await run('sh', [join(folder, 'runtime'), 'kill', 'an id', '15'])).toBe('kill an id 15')
  })
})
