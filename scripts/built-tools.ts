/** Programs that checks of this repository built before, for tests that leave themselves out where there are none. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Where everything that is built or fetched is kept. */
export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelrelease')
}

/** The kubectl that was built with the test cluster, of a current Kubernetes. */
export function builtKubectl(): string | undefined {
  return kubectlOf('kubernetes-1.3')
}

/** The one whose kustomize is the oldest that the manifests are for. */
export function oldestKubectl(): string | undefined {
  return kubectlOf('kubernetes-1.20')
}

function kubectlOf(prefix: string): string | undefined {
  const cache = cacheFolder()
  if (!existsSync(cache)) return undefined
  return readdirSync(cache)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(cache, name, 'kubectl'))
    .find(existsSync)
}

/** The helm of scripts/ci/tool.sh, at the version that it names. */
export function builtHelm(): string | undefined {
  const script = readFileSync(join(import.meta.dirname, 'ci/tool.sh'), 'utf8')
  const version = /^ *helm\) .*version=(\S+)/m.exec(script)?.[1] ?? ''
  const path = join(process.env.MODELRELEASE_TOOLS ?? join(cacheFolder(), 'tools'), `helm-${version}`, 'helm')
  return existsSync(path) ? path : undefined
}
