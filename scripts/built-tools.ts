/** Programs that checks of this repository built before, for tests that leave themselves out where there are none. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig } from '../cluster/config.ts'
import { KUBERNETES, type KubernetesRelease } from '../cluster/kubernetes.ts'
import { binariesDirOf } from '../cluster/layout.ts'

/** The kubectl that was built with a test cluster of that release; the oldest kustomize that the manifests are for is that of 1.20. */
export function builtKubectl(release: KubernetesRelease): string | undefined {
  return existing(join(binariesDirOf(readConfig().cacheDir, KUBERNETES[release]), 'kubectl'))
}

/** Where scripts/ci/tool.sh keeps what it compiles. */
export function toolsFolder(): string {
  return process.env.MODELRELEASE_TOOLS ?? join(readConfig().cacheDir, 'tools')
}

/** A program of scripts/ci/tool.sh, at the version that it names. */
export function builtTool(name: string): string | undefined {
  const script = readFileSync(join(import.meta.dirname, 'ci/tool.sh'), 'utf8')
  const version = new RegExp(`^ *${name}\\) .*version=(\\S+)`, 'm').exec(script)?.[1] ?? ''
  return existing(join(toolsFolder(), `${name}-${version}`, name))
}

function existing(path: string): string | undefined {
  return existsSync(path) ? path : undefined
}
