import { chmod, mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { run } from './command.ts'
import { searchPath } from './config.ts'

/** Where npm of the stand-in base looks for settings of the whole system, and the authorities that they name. */
export const GLOBAL_NPMRC = '/usr/local/etc/npmrc'
export const NPM_AUTHORITIES = '/usr/local/etc/npm-authorities.crt'

const RESOLVED_KEYS = ['registry', 'cafile', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl', 'userconfig']

/** The machine's npm settings that a build needs to reach the same registry. */
export interface NpmAccess {
  /** Content of an npmrc file for the build; holds the user's credentials for registries, if any. */
  readonly npmrc: string
  /** The machine's file of certificate authorities, if npm is told to use one. */
  readonly authorities: string | undefined
}

/**
 * Calls `build` with the volumes that give an `npm ci` inside a build the machine's registry, proxy and authorities.
 * They are mounted read-only for the time of the build and so never become part of a layer.
 */
export async function withNpmAccess<T>(build: (volumes: readonly string[]) => Promise<T>): Promise<T> {
  const { resolved, userFile } = await machineSettings()
  const access = npmAccess(resolved, userFile)
  await mkdir('/run/modelrelease', { recursive: true })
  const secret = await mkdtemp('/run/modelrelease/.npm-')
  try {
    const npmrc = join(secret, 'npmrc')
    await writeFile(npmrc, access.npmrc)
    // The file may be read by a build that dropped its privileges; the directory around it is root's alone.
    await chmod(npmrc, 0o644)
    const authorities =
      access.authorities === undefined ? [] : [`${access.authorities}:${NPM_AUTHORITIES}:ro`]
    return await build([`${npmrc}:${GLOBAL_NPMRC}:ro`, ...authorities])
  } finally {
    await rm(secret, { recursive: true, force: true })
  }
}

/** How the machine's npm reaches registries, without the user's credentials: for what may become part of a layer. */
export async function npmReach(): Promise<NpmAccess> {
  return npmAccess(withoutUsers((await machineSettings()).resolved), '')
}

/** A proxy's or registry's address may hold a name and a password. */
export function withoutUsers(resolved: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(resolved).map(([key, value]) => [key, value.replace(/^(\w+:\/\/)[^/]*@/, '$1')]),
  )
}

async function machineSettings(): Promise<{ resolved: Record<string, string>; userFile: string }> {
  // Not in the project: npm refuses to answer inside a workspace (ENOWORKSPACES), and what the project itself says
  // is in the .npmrc that its Dockerfiles copy.
  const asking = { cwd: '/', env: { PATH: machinePath(searchPath()) } }
  const resolved = parseSettings(await run('npm', ['config', 'get', ...RESOLVED_KEYS], asking))
  return { resolved, userFile: await readFile(resolved.userconfig ?? '', 'utf8').catch(() => '') }
}

/**
 * The PATH without the programs of projects: npm reads the machine's settings from beside the Node that runs it, and a
 * Node that a project brought has none.
 */
export function machinePath(directories: readonly string[]): string {
  return directories.filter((directory) => !/\/node_modules\/\.bin\/?$/.test(directory)).join(delimiter)
}

/** What `npm config get A B` prints: one `key=value` a line, `null` and `undefined` for what is not set. */
export function parseSettings(printed: string): Record<string, string> {
  const pairs = printed
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  return Object.fromEntries(
    pairs.filter(([key, value]) => key !== '' && value !== 'null' && value !== 'undefined' && value !== ''),
  ) as Record<string, string>
}

/** Settings for the build: how to reach registries and the credentials for them, and nothing else of the user's. */
export function npmAccess(resolved: Readonly<Record<string, string>>, userFile: string): NpmAccess {
  const reach = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl']
    .filter((key) => resolved[key] !== undefined)
    .map((key) => `${key}=${resolved[key]}`)
  const authorities = resolved.cafile
  const trusted = authorities === undefined ? [] : [`cafile=${NPM_AUTHORITIES}`]
  const registries = userFile.split('\n').filter((line) => /^\s*(\/\/|@[^:\s]+:registry\s*=)/.test(line))
  return { npmrc: `${[...reach, ...trusted, ...registries].join('\n')}\n`, authorities }
}
