import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { attempt, type RunResult } from '../command.ts'

function kindHere(...command: string[]): Promise<RunResult> {
  return attempt(process.execPath, [join(import.meta.dirname, 'main.ts'), ...command])
}

test('without a command it starts nothing and says how it is used', async () => {
  const { code, stderr } = await kindHere()
  expect(stderr).toContain('usage: npm run -s kind-here -- COMMAND')
  expect(code).toBe(2)
})

/** What is asked for is not there, or cannot be run; found before the engine is started, so without root and Debian too. */
const MISTYPED: Record<string, (folder: string) => string> = {
  'a program that no folder of the PATH has': () => 'mkae',
  'a path where nothing is': (folder) => join(folder, 'nothing'),
  'a folder': (folder) => `${folder}/`,
  'a file that is not executable': (folder) => {
    const path = join(folder, 'script.sh')
    writeFileSync(path, '#!/bin/sh\n')
    chmodSync(path, 0o644)
    return path
  },
}

test.each(Object.keys(MISTYPED))('%s is refused before anything is started', async (name) => {
  const folder = mkdtempSync(join(tmpdir(), 'kind-here-'))
  try {
    const program = MISTYPED[name]?.(folder) ?? ''
    const { code, stdout, stderr } = await kindHere(program, 'argument')
    expect(stderr).toContain(`error: cannot run ${program}: `)
    expect(stderr).toContain('nothing was started')
    expect([code, stdout]).toEqual([1, ''])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
