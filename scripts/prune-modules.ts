/**
 * Removes from node_modules what an image of some workspaces never loads: `node scripts/prune-modules.ts model-server`, in the
 * folder above node_modules, after `npm ci --omit=dev`.
 *
 * - Types, source maps, tests and documents of every package; licenses stay.
 * - onnxruntime's libraries for other platforms, and the packages that only its install script uses, which fetches GPU files.
 * - The half of a package that is there a second time for another loader, where that half is large.
 */
import { existsSync, globSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

const MODULES = 'node_modules'

/** Only where a file cannot be code: some packages have a folder `doc` or `test` that they load. */
const NEVER_LOADED = ['**/*.map', '**/*.{ts,mts,cts}', '**/*.{md,markdown}', '**/*.tsbuildinfo']
const KEPT = /(^|\/)(licen[cs]e|copying|notice|thirdpartynotices)[^/]*$/i
const TEST_FOLDERS = [
  'test',
  'tests',
  '__tests__',
  'benchmarks',
  'benchmark',
  'bench',
  'example',
  'examples',
  'docs',
  '.github',
]

/** What is there twice: CommonJS and ES modules, for Node and for browsers. Node takes the one that package.json names for it. */
const OTHER_LOADERS = ['@opentelemetry/api/build/{esm,esnext}', 'onnxruntime-common/{lib,dist/esm}']
/** Dependencies that nothing but an install script loads. */
const INSTALL_ONLY: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['adm-zip', 'global-agent'],
}
const OTHER_PLATFORMS = 'onnxruntime-node/bin/napi-v*/*/*'

const workspaces = process.argv.slice(2)
if (workspaces.length === 0 || !existsSync(MODULES)) {
  process.stderr.write('usage: node scripts/prune-modules.ts WORKSPACE..., beside node_modules\n')
  process.exit(2)
}

type Manifest = {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

/** The folders of all packages that are needed, found as Node finds them. */
function needed(folder: string, name = '', found = new Set<string>()): Set<string> {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const names = Object.keys({
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.peerDependencies,
  })
  for (const dependency of names) {
    if (INSTALL_ONLY[name]?.includes(dependency) === true) continue
    const place = resolvePackage(folder, dependency)
    if (place === undefined || found.has(place)) continue
    found.add(place)
    needed(place, dependency, found)
  }
  return found
}

function resolvePackage(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, MODULES, name)
    if (existsSync(join(place, 'package.json'))) return place
    if (folder === '.') return undefined
  }
}

function installed(modules: string): string[] {
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@') ? readdirSync(join(modules, name)).map((own) => join(name, own)) : [name],
    )
    .map((name) => join(modules, name))
    .flatMap((place) => [place, ...(existsSync(join(place, MODULES)) ? installed(join(place, MODULES)) : [])])
}

const remove = (path: string): void => rmSync(path, { recursive: true, force: true })
const matches = (patterns: readonly string[]): string[] =>
  patterns.flatMap((pattern) => globSync(pattern, { cwd: MODULES })).map((path) => join(MODULES, path))

const keep = new Set(workspaces.flatMap((workspace) => [...needed(workspace)]))
for (const place of installed(MODULES)) {
  if (!keep.has(place)) remove(place)
  else for (const folder of TEST_FOLDERS) remove(join(place, folder))
}
matches(OTHER_LOADERS).forEach(remove)
matches([OTHER_PLATFORMS])
  .filter((path) => !path.endsWith(join(process.platform, process.arch)))
  .forEach(remove)
matches(NEVER_LOADED)
  .filter((path) => !KEPT.test(path) && statSync(path, { throwIfNoEntry: false })?.isFile() === true)
  .forEach(remove)
remove(join(MODULES, '.bin'))
remove(join(MODULES, '.package-lock.json'))
