import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { baseImageKey, buildBaseImage } from '../base-image.ts'
import { buildah } from '../buildah.ts'
import { BASE_IMAGE } from '../images.ts'
import { lock } from '../lock.ts'
import { GLOBAL_NPMRC, NPM_AUTHORITIES, npmReach } from '../npm-access.ts'
import type { Engine } from './engine.ts'
import type { Places } from './places.ts'

interface BaseOptions {
  readonly cacheDir: string
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Gives the engine the image that Dockerfiles build on, under the official name: the stand-in that buildah builds on too, and the
 * machine's way to npm's registry, which a `docker build` cannot be lent. Credentials are not in it.
 */
export async function provideBase(engine: Engine, places: Places, options: BaseOptions): Promise<void> {
  const plain = `modelrelease/kind-base:${await baseImageKey()}`
  const work = join(places.cache, 'base')
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  if (!(await engine.has(plain))) await handOver(plain, join(work, 'image.tar'), engine, options)
  const { npmrc, authorities } = await npmReach()
  await writeFile(join(work, 'npmrc'), npmrc)
  await (authorities === undefined
    ? writeFile(join(work, 'authorities'), '')
    : copyFile(authorities, join(work, 'authorities')))
  const dockerfile = `FROM ${plain}\nCOPY npmrc ${GLOBAL_NPMRC}\nCOPY authorities ${NPM_AUTHORITIES}\n`
  await writeFile(join(work, 'Dockerfile'), dockerfile)
  await engine.docker(['build', '--tag', BASE_IMAGE, work], { signal: options.signal })
  await rm(work, { recursive: true })
}

async function handOver(
  name: string,
  archive: string,
  { docker }: Engine,
  options: BaseOptions,
): Promise<void> {
  await mkdir(join(options.cacheDir, 'images'), { recursive: true })
  const waiting = (): void => options.report('waiting for another image build on this machine')
  const held = await lock(join(options.cacheDir, 'images.lock'), waiting, options.signal)
  try {
    await buildBaseImage(BASE_IMAGE, options)
    await buildah(
      ['push', '--quiet', `docker.io/library/${BASE_IMAGE}`, `docker-archive:${archive}:${name}`],
      options,
    )
  } finally {
    await held.release()
  }
  await docker(['load', '--input', archive], { signal: options.signal })
  await rm(archive)
}
