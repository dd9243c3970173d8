/** A program of ours that runs beside this one, with its output in a file. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { identify, isRunning, type ProcessIdentity } from '../cluster/process-identity.ts'

export const ROOT = fileURLToPath(new URL('../', import.meta.url))

export type Program = {
  identity: ProcessIdentity
  /** The one line that it wrote to stdout once it was ready. */
  ready: string
}

export type ProgramOptions = {
  /** Script, relative to the root of the repository, and its arguments. */
  command: readonly [string, ...string[]]
  /** Takes its stderr. */
  logFile: string
}

/**
 * Starts a Node program that says in one line on stdout when it is ready. It has a session of its own, so that Ctrl-C
 * reaches us alone, and it goes on after us unless it is stopped. Throws where it ends before that line.
 */
export async function startProgram({ command, logFile }: ProgramOptions): Promise<Program> {
  const log = openSync(logFile, 'a')
  const child = spawn(process.execPath, [...command], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', log],
  })
  closeSync(log)
  const { stdout } = child
  if (stdout === null) throw new Error(`${command[0]} has no stdout`)
  const lines = createInterface({ input: stdout })
  const first = once(lines, 'line') as Promise<[string]>
  const ended = once(child, 'exit').then(() => undefined)
  const ready = await Promise.race([first, ended])
  const identity = await identify(child.pid ?? 0)
  if (ready === undefined || identity === undefined)
    throw new Error(`${command[0]} did not start; see ${logFile}`)
  lines.close()
  stdout.destroy()
  child.unref()
  return { identity, ready: ready[0] }
}

const GRACE_MS = 3_000
const POLL_MS = 50

/** Ends that very process, and no other that got its number: politely first. Fine where it is gone already. */
export async function stopProgram(identity: ProcessIdentity): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isRunning(identity))) return
    process.kill(identity.pid, signal)
    // It may be nobody's child any more, so that no event tells its end.
    for (let waited = 0; waited < GRACE_MS && (await isRunning(identity)); waited += POLL_MS)
      await sleep(POLL_MS)
  }
}
