/** What an environment started, written down so that a later run or `make clean` can stop it whatever became of us. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../cluster/config.ts'
import { providerFor } from '../cluster/provider.ts'
import type { ProcessIdentity } from '../cluster/process-identity.ts'
import { ROOT, stopProgram } from './program.ts'

/** Logs and records; git ignores it. */
export const DEMO_DIR = join(ROOT, '.demo')

export type Running = { name: string; range: string; programs: ProcessIdentity[] }

const SUFFIX = '.running.json'

function fileOf(name: string): string {
  return join(DEMO_DIR, `${name}${SUFFIX}`)
}

/** Written before and after each thing is started. */
export function writeRunning(running: Running): void {
  mkdirSync(DEMO_DIR, { recursive: true })
  const file = fileOf(running.name)
  writeFileSync(`${file}.partial`, JSON.stringify(running))
  renameSync(`${file}.partial`, file)
}

/** Every environment that was begun and not taken down, by this or an earlier run. */
export function allRunning(): Running[] {
  try {
    const files = readdirSync(DEMO_DIR).filter((file) => file.endsWith(SUFFIX))
    return files.map((file) => JSON.parse(readFileSync(join(DEMO_DIR, file), 'utf8')) as Running)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Where kubectl keeps what the API server serves: outside the home of whoever runs this. */
export function kubectlCache(cluster: string): string {
  return join(tmpdir(), `modelrelease-kubectl-${cluster}`)
}

/** Stops the programs and the cluster of an environment, and forgets it. */
export async function stopRunning(running: Running, report: (line: string) => void): Promise<void> {
  const config = readConfig({ name: running.name, range: running.range })
  const provider = await providerFor({ config, report })
  // Pods first: a model server that loses its bucket would only fill the logs.
  await provider.down()
  for (const program of running.programs) await stopProgram(program)
  rmSync(kubectlCache(running.name), { recursive: true, force: true })
  rmSync(fileOf(running.name), { force: true })
}
