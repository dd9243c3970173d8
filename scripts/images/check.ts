/**
 * `npm run check:images`: a Docker engine and buildah make the same of the Dockerfiles: every path with its type, mode, owner, and
 * content or target, and what a container is started with. Brings the engine along (cluster/kind-here). Not compared: times, of which
 * each build has its own, also in the lists of packages; LENT; BUILDAH_LABEL. Exit code 1: something differs.
 */
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../../cluster/command.ts'
import { readConfig } from '../../cluster/config.ts'
import { buildImage } from '../../cluster/images.ts'
import { GLOBAL_NPMRC, NPM_AUTHORITIES } from '../../cluster/npm-access.ts'
import { IMAGES } from '../../demo/install.ts'
import { differences, filesOf, type Contents } from './compare.ts'

/** How npm reaches its registry: in the base that the engine builds on, and lent to buildah for the time of a build. */
const LENT = [GLOBAL_NPMRC, NPM_AUTHORITIES].map((path) => path.slice(1))
/** What else an image's configuration holds is about who built it, and when. */
const SETTINGS = [
  'Cmd',
  'Entrypoint',
  'Env',
  'ExposedPorts',
  'Healthcheck',
  'StopSignal',
  'User',
  'Volumes',
  'WorkingDir',
]
/** A label that buildah sets with its own version. */
const BUILDAH_LABEL = 'io.buildah.version'
const SHOWN = 20

const work = mkdtempSync(join(tmpdir(), 'images-'))
const report = (line: string): void => console.log(line)

try {
  const same: boolean[] = []
  for (const image of IMAGES) same.push(await compare(image))
  process.exitCode = same.every(Boolean) ? 0 : 1
} finally {
  rmSync(work, { recursive: true })
}

/** Whether both make the same of a Dockerfile; says what differs. */
async function compare({ tag, dockerfile, context }: (typeof IMAGES)[number]): Promise<boolean> {
  const tags = { docker: `${tag}-by-docker`, buildah: `${tag}-by-buildah` }
  const { cacheDir } = readConfig()
  const { archive } = await buildImage({ tag: tags.buildah, dockerfile, context }, { cacheDir, report })
  await run('docker', ['load', '--input', archive])
  await run('docker', ['build', '--file', dockerfile, '--tag', tags.docker, context])
  const files = { docker: await contentsOf(tags.docker), buildah: await contentsOf(tags.buildah) }
  const settings = { docker: await settingsOf(tags.docker), buildah: await settingsOf(tags.buildah) }
  const found = [...differences(files), ...differences(settings)]
  report(
    `${dockerfile}: ${files.docker.size} paths, ${found.length === 0 ? 'all the same' : `${found.length} differ`}`,
  )
  for (const line of found.slice(0, SHOWN)) report(`  ${line}`)
  return found.length === 0
}

async function contentsOf(image: string): Promise<Contents> {
  const [folder, archive] = [join(work, 'root'), join(work, 'image.tar')]
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const container = await run('docker', ['create', image])
  await run('docker', ['export', '--output', archive, container])
  await run('docker', ['rm', container])
  await run('tar', [
    '--extract',
    '--same-owner',
    '--preserve-permissions',
    '--file',
    archive,
    '--directory',
    folder,
  ])
  for (const path of globSync('app/*.cdx.json', { cwd: folder })) forgetMaking(join(folder, path))
  const listed = await run('find', ['.', '-printf', String.raw`%P\t%y %m %U:%G %l\0`], { cwd: folder })
  const digests = await run('find', ['.', '-type', 'f', '-exec', 'sha256sum', '--zero', '{}', '+'], {
    cwd: folder,
  })
  return new Map([...filesOf(listed, digests)].filter(([path]) => !LENT.includes(path)))
}

/** A list of packages says when it was made, and under which number that npm drew. */
function forgetMaking(path: string): void {
  const list = JSON.parse(readFileSync(path, 'utf8')) as {
    serialNumber?: string
    metadata: { timestamp?: string }
  }
  delete list.serialNumber
  delete list.metadata.timestamp
  writeFileSync(path, JSON.stringify(list))
}

async function settingsOf(image: string): Promise<Contents> {
  const printed = await run('docker', ['image', 'inspect', '--format', '{{json .Config}}', image])
  const config = JSON.parse(printed) as Record<string, unknown> & { Labels?: Record<string, string> }
  const labels = Object.entries(config.Labels ?? {}).filter(([name]) => name !== BUILDAH_LABEL)
  return new Map([
    ...SETTINGS.map((name) => [name, JSON.stringify(config[name] ?? null)] as const),
    ...labels.map(([name, value]) => [`label ${name}`, value] as const),
  ])
}
