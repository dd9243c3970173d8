import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildah } from './buildah.ts'
import { ClusterError } from './cluster-error.ts'
import type { Registry } from './config.ts'
import { referenceOf } from './images.ts'
import type { Layout } from './layout.ts'

/** For a registry of this machine, which answers at once. */
const ANSWER_MS = 10_000

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
  const { tls, authFile } = registry
  const folder = await mkdtemp(join(tmpdir(), 'modelrelease-push-'))
  const digestFile = join(folder, 'digest')
  const flags = [
    ...['--quiet', `--tls-verify=${tls === 'Verified'}`, '--digestfile', digestFile],
    ...(authFile === undefined ? [] : ['--authfile', authFile]),
  ]
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

/**
 * Has a node of ours pull from a registry that has no certificate, or serves plain HTTP; one whose certificate the machine trusts
 * needs nothing. Only the scheme that it speaks is named: containerd would ask by the other one too, and tell the error of that,
 * whatever the registry said. https://github.com/containerd/containerd/blob/v1.6.20/docs/hosts.md
 */
export async function trustRegistry(
  { registriesDir }: Pick<Layout, 'registriesDir'>,
  { prefix, tls }: Registry,
): Promise<void> {
  if (tls === 'Verified') return
  const host = prefix.replace(/\/.*$/, '')
  const folder = join(registriesDir, host)
  await mkdir(folder, { recursive: true })
  const address = `${(await speaksPlainHttp(host)) ? 'http' : 'https'}://${host}`
  // The first line names the registry itself; without a table `host`, 1.6 does not read the file.
  const hosts = `server = "${address}"\nskip_verify = true\n\n[host."${address}"]\nskip_verify = true\n`
  await writeFile(join(folder, 'hosts.toml'), hosts)
}

/** A registry answers so whether it wants a password or not; one that wants TLS refuses the request, or ends the connection. */
function speaksPlainHttp(host: string): Promise<boolean> {
  return fetch(`http://${host}/v2/`, { signal: AbortSignal.timeout(ANSWER_MS) }).then(
    ({ status }) => status === 200 || status === 401,
    () => false,
  )
}

/** Where an image lies in a registry: below the prefix under its own path, whatever registry its tag named. */
export function namesIn(
  { prefix }: Pick<Registry, 'prefix'>,
  tag: string,
): { repository: string; target: string } {
  const target = `${prefix}/${referenceOf(tag).replace(/^[^/]+\//, '')}`
  return { repository: target.replace(/:[^:/]+$/, ''), target }
}
