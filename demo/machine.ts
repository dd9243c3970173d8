/** Has the machine watched while something is tried on it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startProgram, type Program } from './program.ts'
import type { Window } from './load.ts'
import { stallsOf, type Sample } from './stalls.ts'

export type Machine = {
  program: Program
  samples: () => Sample[]
  /** When those on the way of a viewer's request were not let run, so far. */
  stalls: () => Window[]
}

const TRACE = 'machine.jsonl'

/** Watches what this process starts, and the model servers of a cluster. */
export async function watchMachine(logDir: string, cluster: string): Promise<Machine> {
  const trace = join(logDir, TRACE)
  const program = await startProgram({
    command: ['demo/stall-meter.ts', trace, String(process.pid), cluster],
    logFile: join(logDir, 'stall-meter.log'),
  })
  const samples = (): Sample[] => parseTrace(readFileSync(trace, 'utf8'))
  return { program, samples, stalls: () => stallsOf(samples()) }
}

/** The last line may still be being written. */
function parseTrace(text: string): Sample[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Sample)
}
