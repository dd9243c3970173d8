import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { baseImageKey, buildBaseImage } from './base-image.ts'
import { buildah } from './buildah.ts'
import { ClusterError } from './cluster-error.ts'
import { attempt, run } from './command.ts'
import { hashInputs, type ImageSpec } from './image-inputs.ts'
import { layoutOf } from './layout.ts'
import { lock } from './lock.ts'
import { withNpmAccess } from './npm-access.ts'

/** The name that Dockerfiles build on by default, and that the stand-in made here carries. */
export const BASE_IMAGE = 'node:24-bookworm-slim'

/** An image that was built and exported. */
export interface BuiltImage {
  readonly tag: string
  /** Digest of its configuration, `sha256:…`; the kubelet reports it as the image's id. */
  readonly id: string
  /** A Docker archive, which unlike an OCI one holds its layers unpacked: four times as fast to write and to load. */
  readonly archive: string
  /** Hash of everything that went into it. */
  readonly inputs: string
}

/** Where images are built and kept, and how progress is told. */
export interface ImageOptions {
  readonly cacheDir: string
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Builds an image from its real Dockerfile, without a daemon or a registry, and exports it to the cache.
 * Does nothing where the same Dockerfile, arguments, copied files and base were built before.
 */
export async function buildImage(spec: ImageSpec, options: ImageOptions): Promise<BuiltImage> {
  const known = await findImage(spec.tag, options.cacheDir)
  const inputs = await hashInputs(spec, await baseImageKey())
  if (known?.inputs === inputs) return known
  const held = await lock(
    join(options.cacheDir, 'images.lock'),
    () => options.report('waiting for another image build on this machine'),
    options.signal,
  )
  try {
    return await buildAndExport(spec, inputs, options)
  } finally {
    await held.release()
  }
}

/** An image of the cache by its tag; undefined where none was built. */
export async function findImage(tag: string, cacheDir: string): Promise<BuiltImage | undefined> {
  try {
    const image = JSON.parse(await readFile(recordFile(tag, cacheDir), 'utf8')) as Partial<BuiltImage>
    await access(image.archive ?? '')
    return image.id === undefined ? undefined : (image as BuiltImage)
  } catch {
    return undefined
  }
}

/** Loads an image that was built here into a running node; does nothing where that very digest is there already. */
export async function loadImage(
  cluster: { readonly name: string; readonly cacheDir: string; readonly binariesDir: string },
  tag: string,
  signal?: AbortSignal,
): Promise<void> {
  const image = await findImage(tag, cluster.cacheDir)
  if (image === undefined) {
    throw new ClusterError(
      `no image ${tag} was built here; build it first: npm run -s cluster -- build ${tag} DOCKERFILE`,
    )
  }
  const layout = layoutOf(cluster)
  const ctr = ['--address', layout.containerdSocket, '--namespace', 'k8s.io', 'images']
  const program = join(cluster.binariesDir, 'ctr')
  const name = referenceOf(tag)
  const listed = await attempt(program, [...ctr, 'list'], { signal })
  if (listed.code !== 0) throw new ClusterError('cannot ask the node for its images: is the cluster up?')
  if (isPresent(listed.stdout, name, image.id)) return
  await run(program, [...ctr, 'import', image.archive], { signal })
}

/**
 * Whether a name in containerd's list stands for that very image. The list gives digests of manifests, which the
 * import writes anew; but the kubelet's side of containerd lists each image under its id as well.
 */
export function isPresent(listing: string, name: string, id: string): boolean {
  const digests = new Map(
    listing.split('\n').map((line) => {
      const [reference = '', , digest = ''] = line.split(/\s+/)
      return [reference, digest]
    }),
  )
  const digest = digests.get(name)
  return digest !== undefined && digest === digests.get(id)
}

/** The full name that the kubelet asks containerd for when a pod says `tag`. */
export function referenceOf(tag: string): string {
  const [first = ''] = tag.split('/')
  const path = tag.includes('/') ? tag : `library/${tag}`
  const named = tag.includes('/') && /[.:]|^localhost$/.test(first) ? tag : `docker.io/${path}`
  return /:[^/]+$/.test(named) ? named : `${named}:latest`
}

async function buildAndExport(spec: ImageSpec, inputs: string, options: ImageOptions): Promise<BuiltImage> {
  const images = join(options.cacheDir, 'images')
  await mkdir(images, { recursive: true })
  const again = await findImage(spec.tag, options.cacheDir)
  if (again?.inputs === inputs) return again
  const usesBase = (await readFile(spec.dockerfile, 'utf8')).includes('BASE_IMAGE')
  if (usesBase) await buildBaseImage(BASE_IMAGE, options)
  const started = Date.now()
  const name = referenceOf(spec.tag)
  const logFile = join(images, `${slug(spec.tag)}.log`)
  const idFile = join(images, `${slug(spec.tag)}.id`)
  await rm(logFile, { force: true })
  const buildArgs = { ...(usesBase ? { BASE_IMAGE } : {}), ...spec.buildArgs }
  await withNpmAccess(async (volumes) => {
    const args = Object.entries(buildArgs).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`])
    await buildah(
      [
        ...['build', '--isolation', 'chroot', '--layers', '--pull-never', '--iidfile', idFile],
        ...[
          '--file',
          spec.dockerfile,
          '--tag',
          name,
          ...volumes.flatMap((volume) => ['--volume', volume]),
          ...args,
          spec.context,
        ],
      ],
      { ...options, logFile },
    )
  })
  const id = (await readFile(idFile, 'utf8')).trim()
  const archive = join(images, `${slug(spec.tag)}-${inputs.slice(0, 12)}.tar`)
  await rm(`${archive}.partial`, { force: true })
  await buildah(['push', '--quiet', name, `docker-archive:${archive}.partial:${name}`], {
    ...options,
    logFile,
  })
  await rename(`${archive}.partial`, archive)
  const built = { tag: spec.tag, id, archive, inputs }
  if (again !== undefined && again.archive !== archive) await rm(again.archive, { force: true })
  await writeAtomically(recordFile(spec.tag, options.cacheDir), JSON.stringify(built, null, 2))
  options.report(`built image ${spec.tag} in ${((Date.now() - started) / 1000).toFixed(1)} s`)
  return built
}

function recordFile(tag: string, cacheDir: string): string {
  return join(cacheDir, 'images', `${slug(tag)}.json`)
}

function slug(tag: string): string {
  const readable = tag.replaceAll(/[^a-zA-Z0-9.-]+/g, '-')
  return `${readable}-${createHash('sha256').update(tag).digest('hex').slice(0, 8)}`
}

async function writeAtomically(path: string, content: string): Promise<void> {
  await writeFile(`${path}.partial`, content)
  await rename(`${path}.partial`, path)
}
