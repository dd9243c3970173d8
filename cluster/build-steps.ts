import { mkdir, readdir, rename, rm, access } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run, type RunOptions } from './command.ts'
import { withFreshLists } from './debian.ts'

/** One step of a long build. */
export interface Step {
  readonly name: string
  /** What the step leaves behind when it is complete; a later run skips the step where it exists. */
  readonly result: string
  readonly make: () => Promise<void>
}

/** Takes the steps that are not done yet, one after the other, and says how long each takes. */
export async function takeSteps(steps: readonly Step[], report: (line: string) => void): Promise<void> {
  for (const [index, step] of steps.entries()) {
    const label = `[${index + 1}/${steps.length}] ${step.name}`
    if (await exists(step.result)) report(`${label}: kept from an earlier run`)
    else await tell(label, step, report)
  }
}

/** Says every half minute that a long step still runs. */
async function tell(label: string, step: Step, report: (line: string) => void): Promise<void> {
  const started = Date.now()
  const progress = setInterval(() => report(`${label}: ${secondsSince(started)} so far`), 30_000)
  try {
    await step.make()
  } finally {
    clearInterval(progress)
  }
  report(`${label}: ${secondsSince(started)}`)
}

/** Programs that are compiled together. */
export interface GoPrograms {
  /** The package of each, by the name that the program gets. */
  readonly packages: Readonly<Record<string, string>>
  readonly ldflags: string
  /** The directory that they are put into, the last of them last. */
  readonly target: string
}

/**
 * Compiles programs with Go, all at once: linking takes one processor, and the others compile the next program meanwhile. A
 * build that is killed leaves nothing that looks complete.
 */
export async function goBuild({ packages, ldflags, target }: GoPrograms, options: RunOptions): Promise<void> {
  const partial = `${target}.partial`
  await mkdir(partial, { recursive: true })
  // What a debugger reads is left out by the linker (-s -w) anyway. Without it and without inlining the compiler takes a
  // quarter less; a node for tests rests most of the time, and is compiled while somebody waits.
  const flags = ['-trimpath', '-gcflags=all=-dwarf=false -l', '-ldflags', ldflags]
  await run('go', ['build', ...flags, '-o', `${partial}/`, ...Object.values(packages)], options)
  await mkdir(target, { recursive: true })
  for (const [name, path] of Object.entries(packages))
    await rename(join(partial, builtName(path)), join(target, name))
}

/** How Go names the program of a package: https://pkg.go.dev/cmd/go#hdr-Compile_packages_and_dependencies */
function builtName(path: string): string {
  return basename(path.replace(/\/v\d+$/, ''))
}

/** Unpacks Debian's packages into a directory and installs none of them. */
export async function unpackPackages(
  packages: readonly string[],
  target: string,
  options: RunOptions,
): Promise<void> {
  const downloads = `${target}.debs`
  const partial = `${target}.partial`
  await rm(downloads, { recursive: true, force: true })
  await rm(partial, { recursive: true, force: true })
  await mkdir(downloads, { recursive: true })
  // apt's own user cannot write below root's home; the signatures are checked all the same.
  const download = ['-o', 'APT::Sandbox::User=root', 'download', ...packages]
  await withFreshLists(download, { ...options, cwd: downloads })
  for (const file of await readdir(downloads))
    await run('dpkg', ['--extract', join(downloads, file), partial], options)
  await rm(downloads, { recursive: true })
  await rename(partial, target)
}

/** Whether there is something at a path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** The time since a moment, for people. */
export function secondsSince(started: number): string {
  return `${((Date.now() - started) / 1000).toFixed(1)} s`
}
