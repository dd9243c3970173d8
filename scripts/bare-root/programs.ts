/** Whose the programs are that ran in a bare root, from what apt and dpkg wrote down there. */
import { NODE_PROGRAM } from '../../cluster/components.ts'

/** What was recorded in the root, as text. */
export interface Records {
  /** Paths that were executed, one a line. */
  readonly executed: string
  /** Names of the packages that were there at the start, one a line. */
  readonly before: string
  /** What `dpkg-query --search` said of the executed paths. */
  readonly owners: string
  /** apt's history.log: who asked for which package. */
  readonly history: string
}

/** Where a program came from. */
export type Origin =
  /** It is part of the bare system. */
  | { readonly type: 'Start' }
  /** Of a package that a script of ours names. */
  | { readonly type: 'Asked'; readonly package: string }
  /** Of a package that came with such a one: whoever calls it by name leans on luck. */
  | { readonly type: 'Dependency'; readonly package: string }
  /** It lies in the checkout, in our caches, or was made while the commands ran. */
  | { readonly type: 'Project' }
  | { readonly type: 'Nobody' }

/** Folders of the project, of dpkg's own scripts, and of what is made on the way. */
const OWN =
  /^\/(root\/(modelrelease|\.cache|\.npm)|usr\/local\/lib\/node_modules\/npm|var\/lib\/(modelrelease|dpkg)|var\/cache\/own|tmp|var\/tmp)\//

/** Every program that ran, by path. */
export function originsOf(records: Records): Map<string, Origin> {
  const before = new Set(records.before.split('\n'))
  const asked = askedPackages(records.history)
  const owners = ownersOf(records.owners)
  const originOf = (path: string): Origin => {
    const owner = owners.get(path) ?? owners.get(path.replace(/^\/usr/, ''))
    if (owner !== undefined) {
      if (before.has(owner)) return { type: 'Start' }
      return { type: asked.has(owner) ? 'Asked' : 'Dependency', package: owner }
    }
    // The project's Node, by the path at which a cluster's node has it mounted.
    return { type: OWN.test(path) || path === NODE_PROGRAM ? 'Project' : 'Nobody' }
  }
  const paths = records.executed.split('\n').filter((path) => path !== '')
  return new Map(paths.map((path) => [path, originOf(path)]))
}

/** A line of `dpkg-query --search` is `PACKAGE[:ARCH][, …]: PATH`, or tells a diversion. */
function ownersOf(text: string): Map<string, string> {
  const owners = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, owner, path] = /^([a-z0-9][a-z0-9+.-]*)(?::\w+)?(?:, [^/]*)?: (\/.*)$/.exec(line) ?? []
    if (owner !== undefined && path !== undefined) owners.set(path, owner)
  }
  return owners
}

/** Packages that apt was asked for by name: those of an `Install:` line that are not marked as automatic. */
function askedPackages(history: string): Set<string> {
  const lines = history.split('\n').filter((line) => line.startsWith('Install: '))
  const entries = lines.flatMap((line) => [...line.matchAll(/([a-z0-9][a-z0-9+.-]*):\w+ \(([^)]*)\)/g)])
  return new Set(
    entries.filter(([, , notes = '']) => !notes.endsWith('automatic')).map(([, name = '']) => name),
  )
}

/** How shells, env, make, Node, Go and our own commands say that a program is not there. */
const MISSING = [
  /: ([\w.+/-]+): command not found$/,
  /: \d+: ([\w.+/-]+): not found$/,
  /^(?:env|make.*): [‘']?([\w.+/-]+)[’']?: No such file or directory$/,
  /spawn ([\w.+/-]+) ENOENT/,
  /cannot run ([\w.+/-]+): ENOENT/,
  /exec: "([\w.+/-]+)": executable file not found/,
]

/** Programs that were called and are not there, each with the line that says so. */
export function missingPrograms(log: string): Map<string, string> {
  const missing = new Map<string, string>()
  for (const line of log.split('\n')) {
    const program = MISSING.map((pattern) => pattern.exec(line)?.[1]).find((name) => name !== undefined)
    if (program !== undefined && !missing.has(program)) missing.set(program, line.trim())
  }
  return missing
}

/** A table for people: what the packages' programs are, and then what is wrong. */
export function tellPrograms(
  origins: ReadonlyMap<string, Origin>,
  missing: ReadonlyMap<string, string>,
): string {
  const paths = (type: Origin['type']): string[] =>
    [...origins].filter(([, origin]) => origin.type === type).map(([path]) => path)
  const packages = (type: 'Asked' | 'Dependency'): string[] => {
    const byPackage = new Map<string, string[]>()
    for (const [path, origin] of origins)
      if (origin.type === type)
        byPackage.set(origin.package, [...(byPackage.get(origin.package) ?? []), path.replace(/^.*\//, '')])
    return [...byPackage]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, own]) => `  ${name}: ${own.sort().join(' ')}`)
  }
  return [
    `${origins.size} programs ran: ${paths('Start').length} of the bare system, ${paths('Project').length} of the project, and`,
    'of packages that our scripts ask for:',
    ...packages('Asked'),
    'of packages that came with those:',
    ...packages('Dependency'),
    ...paths('Nobody').map((path) => `NOT OURS ${path}: no package and no script of ours brought it`),
    ...[...missing].map(([program, line]) => `MISSING ${program}: nothing installs it (${line})`),
  ].join('\n')
}
