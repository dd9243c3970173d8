import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { isRunning } from '../cluster/process-identity.ts'
import { startProgram, stopProgram } from './program.ts'

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelrelease-program-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('a program beside ours', () => {
  test('serves once it said so, and is gone once it is stopped', async () => {
    const files = ['demo/model-files.ts', 'examples/housing/models', '127.0.0.1'] as const
    const program = await startProgram({ command: [...files], logFile: join(folder, 'files.log') })
    try {
      const answer = await fetch(`${program.ready}/housing-1.onnx`, { headers: { connection: 'close' } })
      const served = Buffer.from(await answer.arrayBuffer())
      expect(served.equals(readFileSync('examples/housing/models/housing-1.onnx'))).toBe(true)
      const escaped = await fetch(`${program.ready}/..%2Ftrain.py`, { headers: { connection: 'close' } })
      expect(escaped.status).toBe(404)
      await escaped.body?.cancel()
    } finally {
      await stopProgram(program.identity)
    }
    expect(await isRunning(program.identity)).toBe(false)
    // Stopping what is gone is fine.
    await stopProgram(program.identity)
  })

  test('that ends before it is ready is told with the file that holds its words', async () => {
    const logFile = join(folder, 'none.log')
    await expect(startProgram({ command: ['demo/no-such-program.ts'], logFile })).rejects.toThrow(logFile)
    expect(readFileSync(logFile, 'utf8')).toContain('no-such-program')
  })
})
