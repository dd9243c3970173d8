import { createHash } from 'node:crypto'
import { copyFile, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { buildah } from './buildah.ts'
import { run } from './command.ts'
import { debianSources } from './debian.ts'
import { GLOBAL_NPMRC, NPM_AUTHORITIES } from './npm-access.ts'

/** The npm that the official image of Node 24 carries is of this line. */
const NPM = 'npm@11.6.2'

/** Changes whenever the recipe below does. */
const RECIPE = `FROM scratch
ADD root.tar /
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \\
 && groupadd --gid 1000 node \\
 && useradd --uid 1000 --gid node --shell /bin/bash --create-home node \\
 && mkdir -p /usr/local/etc && touch ${GLOBAL_NPMRC} ${NPM_AUTHORITIES}
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
CMD ["node"]
`

interface BaseOptions {
  readonly cacheDir: string
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/** What the stand-in is made of: an image built on another one is another image. */
export async function baseImageKey(): Promise<string> {
  const { version } = await nodePackage()
  return createHash('sha256')
    .update(JSON.stringify([RECIPE, NPM, version]))
    .digest('hex')
    .slice(0, 16)
}

/**
 * Makes a stand-in for the official Node image where no registry can be reached, under its very name:
 * a minimal Debian, the Node binary of the npm package `node`, npm, and the user `node`.
 */
export async function buildBaseImage(tag: string, options: BaseOptions): Promise<void> {
  const key = await baseImageKey()
  const name = `docker.io/library/${tag}`
  const stamp = join(options.cacheDir, 'images', 'base.key')
  const known = await readFile(stamp, 'utf8').catch(() => '')
  if (known === key && (await isStored(name, options))) return
  const started = Date.now()
  options.report(`building a stand-in for ${tag} (once)`)
  const context = join(options.cacheDir, 'base-image')
  const logFile = join(options.cacheDir, 'images', 'base.log')
  await rm(context, { recursive: true, force: true })
  await mkdir(context, { recursive: true })
  await rm(logFile, { force: true })
  const step = { ...options, logFile, contained: true }
  await Promise.all([
    minimalDebian(join(context, 'root.tar'), step),
    npmFiles(context, step),
    linkOrCopy((await nodePackage()).binary, join(context, 'node')),
    writeFile(join(context, 'Dockerfile'), RECIPE),
  ])
  await buildah(['build', '--isolation', 'chroot', '--pull-never', '--tag', name, context], {
    ...options,
    logFile,
  })
  await rm(context, { recursive: true })
  await writeFile(stamp, key)
  options.report(`built a stand-in for ${tag} in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

interface Step {
  readonly logFile: string
  readonly contained: boolean
  readonly signal?: AbortSignal | undefined
}

async function minimalDebian(target: string, step: Step): Promise<void> {
  const { lines, aptOptions } = await debianSources()
  await run(
    'mmdebstrap',
    [
      ...['--variant=minbase', '--include=libstdc++6,ca-certificates', '--mode=root'],
      ...aptOptions.map((option) => `--aptopt=${option}`),
      // Not needed to run a program, and half of the size.
      ...['man', 'doc', 'locale', 'info', 'lintian'].map(
        (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
      ),
      ...['bookworm', target, '-'],
    ],
    { ...step, input: lines.join('\n') },
  )
}

async function npmFiles(context: string, step: Step): Promise<void> {
  const file = await run('npm', ['pack', '--silent', '--pack-destination', context, NPM], {
    ...(step.signal === undefined ? {} : { signal: step.signal }),
  })
  const target = join(context, 'npm')
  await mkdir(target)
  await run('tar', [
    '--extract',
    '--gzip',
    '--strip-components=1',
    '--file',
    join(context, file),
    '--directory',
    target,
  ])
}

async function isStored(name: string, options: BaseOptions): Promise<boolean> {
  return buildah(['inspect', '--type', 'image', name], options).then(
    () => true,
    () => false,
  )
}

/** The Node binary that this project pins as a development dependency. */
async function nodePackage(): Promise<{ binary: string; version: string }> {
  const manifest = createRequire(import.meta.url).resolve('node/package.json')
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  const binary = join(dirname(manifest), 'bin/node')
  await stat(binary)
  return { binary, version }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to))
}
