import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'

/** The two small programs that are compiled on the machine. */
export interface Helpers {
  /** PID 1 of the node. */
  readonly init: string
  /** A build context that holds only the program `pause`. */
  readonly pauseContext: string
}

const SOURCES = {
  init: join(import.meta.dirname, 'init/init.c'),
  pause: join(import.meta.dirname, 'pause/pause.c'),
}

/** Compiles init and pause, statically, unless these very sources were compiled before. */
export async function compileHelpers(cacheDir: string, signal?: AbortSignal): Promise<Helpers> {
  const hash = createHash('sha256')
  for (const source of Object.values(SOURCES)) hash.update(await readFile(source))
  const directory = join(cacheDir, `helpers-${hash.digest('hex').slice(0, 16)}`)
  const helpers = { init: join(directory, 'init'), pauseContext: join(directory, 'pause') }
  if (await present(directory)) return helpers
  const partial = `${directory}.${process.pid}`
  await mkdir(join(partial, 'pause'), { recursive: true })
  const compile = (source: string, target: string): Promise<string> =>
    run('gcc', ['-static', '-O2', '-s', '-Wall', '-Werror', '-o', join(partial, target), source], { signal })
  await Promise.all([compile(SOURCES.init, 'init'), compile(SOURCES.pause, 'pause/pause')])
  await rename(partial, directory).catch(() => rm(partial, { recursive: true, force: true }))
  return helpers
}

async function present(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
