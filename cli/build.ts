/**
 * `npm run build:cli`: one file with everything in it, cli/dist/kubectl-modelrelease.cjs, and the package.json that it is
 * published with. What a verb does not need costs it nothing: the program stands in the file as pieces of text, and a piece is
 * parsed when it is first asked for. Of client-node only the kubeconfig is used; its generated API classes and undici are left
 * out. A cache of compiled code would need a folder on disk that nobody else may write to, and a CI job never finds one.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, transform, type BuildOptions, type Plugin } from 'esbuild'
import { crdSchema } from './checks/crd.ts'
import { programVersion } from './version.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const DIST = `${HERE}dist`
export const BUNDLE = `${DIST}/kubectl-modelrelease.cjs`

/** What a module is replaced by, by the end of its path. */
const REPLACED: readonly (readonly [RegExp, string])[] = [
  [
    /cli\/checks\/crd\.ts$/,
    `const schema = ${JSON.stringify(crdSchema())}\nexport const crdSchema = () => schema`,
  ],
  [/cli\/version\.ts$/, `export const programVersion = () => ${JSON.stringify(programVersion())}`],
  [/client-node\/dist\/index\.js$/, `export { KubeConfig } from './config.js'`],
  [
    /client-node\/dist\/gen\/index\.js$/,
    'const unused = () => { throw new Error("not in this bundle") }\nexport { unused as createConfiguration, unused as ServerConfiguration }',
  ],
  [/\/undici\/index\.js$/, 'export const Agent = undefined, ProxyAgent = undefined'],
]

/**
 * What most runs never use is loaded by the first that does, wherever it is imported. Loading all of it took as long as a request
 * to the cluster takes.
 */
const LAZY = [
  'socks-proxy-agent',
  'socks',
  'hpagent',
  'jsonpath-plus',
  'openid-client',
  'node:child_process',
  'node:crypto',
]

const replace: Plugin = {
  name: 'replace',
  setup: (esbuild) => {
    for (const [filter, contents] of REPLACED)
      esbuild.onLoad({ filter }, ({ path }) => ({
        contents,
        loader: 'js',
        resolveDir: path.replace(/\/[^/]+$/, ''),
      }))
  },
}

/**
 * Runs a piece when it is asked for; a piece that nobody asks for is a text that is never parsed. What is `lazy` is asked for by
 * the first look at anything of it. Part of the bundle.
 */
function startPieces(
  pieces: Record<string, string>,
  require: NodeJS.Require,
  { entry, lazy }: { entry: string; lazy: readonly string[] },
): void {
  const { compileFunction } = require('node:vm') as typeof import('node:vm')
  const loaded: Record<string, { exports: unknown }> = {}
  const load = (name: string): unknown => {
    const source = pieces[name]
    if (source === undefined) return require(name)
    if (loaded[name]) return loaded[name].exports
    const module = (loaded[name] = { exports: {} })
    const run = compileFunction(source, ['require', 'module', 'exports'], { filename: name }) as (
      ...scope: unknown[]
    ) => void
    run((asked: string) => (lazy.includes(asked) ? later(asked) : load(asked)), module, module.exports)
    return module.exports
  }
  // esbuild's code reads a name of a module where it is used, and for `import *` makes a copy that inherits from the same.
  const later = (name: string): unknown => {
    const get = (_: object, key: string): unknown =>
      key === '__esModule' ? undefined : (load(name) as Record<string, unknown>)[key]
    return Object.create(new Proxy({}, { get }))
  }
  load(entry)
}

/** What all builds are told alike. */
const COMMON = {
  outdir: DIST,
  bundle: true,
  platform: 'node',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  external: ['onnxruntime-node', ...LAZY],
  logLevel: 'warning',
  write: false,
} satisfies BuildOptions

/** The program in pieces, by their names: the one that starts it, one for each `import()`, and those that several share. */
async function programPieces(entry: string): Promise<[string, string][]> {
  const { outputFiles } = await build({
    ...COMMON,
    entryPoints: [`${HERE}${entry}.ts`],
    splitting: true,
    format: 'esm',
    plugins: [replace],
  })
  return Promise.all(
    outputFiles.map(async ({ path, text }): Promise<[string, string]> => {
      const { code } = await transform(text, {
        format: 'cjs',
        platform: 'node',
        target: 'node24',
        minify: true,
        // import() becomes require(), which startPieces answers.
        supported: { 'dynamic-import': false },
      })
      return [`./${basename(path)}`, code]
    }),
  )
}

/** Packages that are pieces of their own, each in one. */
function packagePieces(): Promise<[string, string][]> {
  const packages = LAZY.filter((name) => !name.startsWith('node:'))
  return Promise.all(
    packages.map(async (name): Promise<[string, string]> => {
      const contents = `export * from '${name}'`
      const { outputFiles } = await build({
        ...COMMON,
        stdin: { contents, resolveDir: HERE },
        format: 'cjs',
        external: packages.filter((other) => other !== name),
      })
      return [name, outputFiles[0]?.text ?? '']
    }),
  )
}

/** Writes cli/dist. */
export async function bundle(): Promise<void> {
  mkdirSync(DIST, { recursive: true })
  const pieces = JSON.stringify(
    Object.fromEntries([...(await programPieces('main')), ...(await packagePieces())]),
  )
  writeFileSync(
    BUNDLE,
    `#!/usr/bin/env node\n(${startPieces.toString()})(${pieces},require,${JSON.stringify({ entry: './main.js', lazy: LAZY })})\n`,
  )
  chmodSync(BUNDLE, 0o755)
  const { version, description, license, type, engines } = JSON.parse(
    readFileSync(`${HERE}package.json`, 'utf8'),
  ) as Record<string, unknown>
  const published = {
    name: 'kubectl-modelrelease',
    version,
    description,
    license,
    type,
    engines,
    bin: { 'kubectl-modelrelease': 'kubectl-modelrelease.cjs' },
  }
  writeFileSync(`${DIST}/package.json`, `${JSON.stringify(published, null, 2)}\n`)
  copyFileSync(`${HERE}../LICENSE`, `${DIST}/LICENSE`)
}

if (import.meta.main) await bundle()
