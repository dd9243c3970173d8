/** The model server's files as they are in its image, without an image: the steps are those of Dockerfile.server. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where it lies and how it is started. */
export type Shipped = {
  folder: string
  main: string
  /** As in the CMD of the image. */
  nodeFlags: readonly string[]
  /** As in the ENV of the image. */
  env: Readonly<Record<string, string>>
  /** Bytes of all files, and of onnxruntime's own library among them. */
  bytes: number
  runtimeBytes: number
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const MANIFESTS = ['package.json', 'package-lock.json', '.npmrc', 'model-server/package.json']
const RECIPE = ['Dockerfile.server', 'scripts/prune-modules.ts']

/** Make the files anew where something that they are made from has changed. */
export function prepareShipped(into: string): Shipped {
  installModules(into)
  rmSync(join(into, 'model-server'), { recursive: true, force: true })
  run(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      'scripts/strip-types.ts',
      'model-server',
      join(into, 'model-server'),
    ],
    ROOT,
  )
  cpSync(join(ROOT, 'model-server/package.json'), join(into, 'model-server/package.json'))
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile.server'), 'utf8')
  const [, ...args] = commandOf(dockerfile)
  const sizes = globSync('**/*', { cwd: into })
    .map((file) => ({ file, stat: statSync(join(into, file)) }))
    .filter(({ stat }) => stat.isFile())
  const bytesOf = (some: typeof sizes): number => some.reduce((sum, { stat }) => sum + stat.size, 0)
  return {
    folder: into,
    main: args.at(-1) ?? '',
    nodeFlags: args.slice(0, -1),
    env: environmentOf(dockerfile),
    bytes: bytesOf(sizes),
    runtimeBytes: bytesOf(sizes.filter(({ file }) => file.includes('libonnxruntime'))),
  }
}

function installModules(into: string): void {
  const hash = createHash('sha256')
  for (const file of [...MANIFESTS, ...RECIPE]) hash.update(readFileSync(join(ROOT, file)))
  const key = hash.digest('hex')
  const stamp = join(into, '.made-from')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return

  rmSync(into, { recursive: true, force: true })
  mkdirSync(join(into, 'model-server'), { recursive: true })
  for (const file of MANIFESTS) cpSync(join(ROOT, file), join(into, file))
  run('npm', ['pkg', 'delete', 'devDependencies'], into)
  const only = ['--omit=dev', '--workspace', 'model-server', '--include-workspace-root=false']
  run('npm', ['ci', '--loglevel=error', '--ignore-scripts', ...only], into)
  run(process.execPath, [join(ROOT, 'scripts/prune-modules.ts'), 'model-server'], into)
  for (const file of MANIFESTS) rmSync(join(into, file))
  writeFileSync(stamp, key)
}

/** The last CMD, in its JSON form. */
export function commandOf(dockerfile: string): string[] {
  const last = dockerfile.split('\n').findLast((line) => line.startsWith('CMD ['))
  if (last === undefined) throw new Error('Dockerfile.server has no CMD in JSON')
  return JSON.parse(last.slice('CMD '.length)) as string[]
}

/** The variables of the last ENV. */
export function environmentOf(dockerfile: string): Record<string, string> {
  const last = dockerfile.split('\n').findLast((line) => line.startsWith('ENV '))
  const pairs = (last ?? '').slice('ENV '.length).split(' ').filter(Boolean)
  return Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string]))
}

function run(program: string, args: readonly string[], cwd: string): void {
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
}
