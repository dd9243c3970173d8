/**
 * `npm run build:cli`: one file with everything in it, cli/dist/kubectl-modelrelease.cjs, and the package.json that it is
 * published with. Of client-node only the kubeconfig is used: its generated API classes and undici, which would take most of
 * the time that the program needs to start, are left out.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
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

/** Writes cli/dist. */
export async function bundle(): Promise<void> {
  mkdirSync(DIST, { recursive: true })
  await build({
    entryPoints: [`${HERE}main.ts`],
    outfile: BUNDLE,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    minify: true,
    keepNames: true,
    legalComments: 'none',
    external: ['onnxruntime-node'],
    plugins: [replace],
    logLevel: 'warning',
  })
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
