import { createHash, type Hash } from 'node:crypto'
import { glob, lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join, matchesGlob, relative } from 'node:path'

/** An image to build. */
export interface ImageSpec {
  /** Path of the Dockerfile. */
  readonly dockerfile: string
  /** Name and tag, such as `modelrelease/operator:dev`. */
  readonly tag: string
  /** Directory that COPY reads from. */
  readonly context: string
  readonly buildArgs?: Readonly<Record<string, string>>
}

/** A hash of the Dockerfile, its arguments, the base, and exactly those files of the context that it copies. */
export async function hashInputs(spec: Omit<ImageSpec, 'tag'>, baseKey: string): Promise<string> {
  const dockerfile = await readFile(spec.dockerfile, 'utf8')
  const ignore = parseIgnore(await readIgnore(spec.context))
  const hash = createHash('sha256')
  hash.update(JSON.stringify([dockerfile, Object.entries(spec.buildArgs ?? {}).sort(), baseKey]))
  for (const source of copiedSources(dockerfile)) {
    const found: string[] = []
    for await (const path of glob(source.replace(/^\//, '') || '.', { cwd: spec.context })) found.push(path)
    for (const path of found.sort()) await hashPath(hash, { context: spec.context, ignore }, path)
  }
  return hash.digest('hex')
}

/** The paths and patterns that a Dockerfile's COPY and ADD lines read from the context. */
export function copiedSources(dockerfile: string): string[] {
  const lines = dockerfile.replaceAll(/\\\r?\n/g, ' ').split('\n')
  return lines.flatMap((line) => {
    const match = /^\s*(?:COPY|ADD)\s+(.*)$/i.exec(line)
    if (match?.[1] === undefined) return []
    const words = match[1].trim().startsWith('[')
      ? (JSON.parse(match[1]) as string[])
      : match[1].trim().split(/\s+/)
    if (words.some((word) => word.startsWith('--from='))) return []
    return words.filter((word) => !word.startsWith('--')).slice(0, -1)
  })
}

/** One line of a .dockerignore. */
export interface IgnoreRule {
  readonly pattern: string
  readonly ignores: boolean
}

/** The rules of a .dockerignore, in order; the last that matches a path decides. */
export function parseIgnore(text: string): IgnoreRule[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({
      pattern: line
        .replace(/^!/, '')
        .replace(/^\.?\//, '')
        .replace(/\/$/, ''),
      ignores: !line.startsWith('!'),
    }))
}

/** Whether a path, relative to the context, is left out of the build. */
export function isIgnored(path: string, rules: readonly IgnoreRule[]): boolean {
  return rules.reduce((ignored, rule) => {
    const hit = matchesGlob(path, rule.pattern) || matchesGlob(path, `${rule.pattern}/**`)
    return hit ? rule.ignores : ignored
  }, false)
}

/** Whether a later rule can take back something below an ignored directory, which then has to be entered. */
function mayTakeBack(directory: string, rules: readonly IgnoreRule[]): boolean {
  return rules.some(
    ({ pattern, ignores }) => !ignores && (pattern.startsWith(`${directory}/`) || pattern.startsWith('**/')),
  )
}

interface Walk {
  readonly context: string
  readonly ignore: readonly IgnoreRule[]
}

async function hashPath(hash: Hash, walk: Walk, path: string): Promise<void> {
  const full = join(walk.context, path)
  const name = relative(walk.context, full)
  const stat = await lstat(full)
  if (stat.isDirectory()) {
    if (isIgnored(name, walk.ignore) && !mayTakeBack(name, walk.ignore)) return
    for (const entry of (await readdir(full)).sort()) await hashPath(hash, walk, join(path, entry))
    return
  }
  if (isIgnored(name, walk.ignore)) return
  hash.update(`\0${name}\0${stat.mode.toString(8)}\0`)
  hash.update(stat.isSymbolicLink() ? await readlink(full) : await readFile(full))
}

async function readIgnore(context: string): Promise<string> {
  return readFile(join(context, '.dockerignore'), 'utf8').catch(() => '')
}
