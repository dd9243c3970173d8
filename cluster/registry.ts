import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildah } from './buildah.ts'
import { ClusterError } from './cluster-error.ts'
import type { Registry } from './config.ts'
import { referenceOf } from './images.ts'

interface PushOptions {
  readonly cacheDir: string
  readonly registry: Registry
  readonly signal?: AbortSignal | undefined
}

/**
 * Pushes an image that was built here, with the credentials that `buildah login` or `docker login` left, if any. Returns the
 * name by which pods use it: with its digest, so that no node runs an older one of the same tag.
 * Throws a ClusterError that names the registry and what it said.
 */
export async function pushImage(tag: string, { cacheDir, registry, signal }: PushOptions): Promise<string> {
  const { repository, target } = namesIn(registry, tag)
  const folder = await mkdtemp(join(tmpdir(), 'modelrelease-push-'))
  const digestFile = join(folder, 'digest')
  const flags = ['--quiet', `--tls-verify=${registry.tls === 'Verified'}`, '--digestfile', digestFile]
  try {
    await buildah(['push', ...flags, referenceOf(tag), `docker://${target}`], { cacheDir, signal })
    return `${repository}@${(await readFile(digestFile, 'utf8')).trim()}`
  } catch (cause) {
    signal?.throwIfAborted()
    throw new ClusterError(
      `cannot push ${target}: ${(cause as Error).message}; is MODELRELEASE_REGISTRY right, does it need a login, or, without TLS, MODELRELEASE_REGISTRY_TLS_VERIFY=false?`,
      { cause },
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Where an image lies in a registry: below the prefix under its own path, whatever registry its tag named. */
export function namesIn(registry: Registry, tag: string): { repository: string; target: string } {
  const target = `${registry.prefix}/${referenceOf(tag).replace(/^[^/]+\//, '')}`
  return { repository: target.replace(/:[^:/]+$/, ''), target }
}
