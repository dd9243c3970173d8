import { ClusterError } from './cluster-error.ts'
import type { ClusterConfig, Provider } from './config.ts'
import type { ClusterHandle, ClusterOptions, ClusterProvider } from './handle.ts'
import { kindCluster, kindIsUsable } from './kind.ts'
import { layoutOf } from './layout.ts'
import { namedContext } from './named-context.ts'
import { debianNode } from './node.ts'
import { readRecord } from './node-record.ts'

/** What is known about the machine when a provider is chosen. */
export interface Findings {
  /** A Debian node of this name was begun and not yet taken down. */
  readonly nodeBegun: boolean
  /** A kind binary and a Docker engine that answers are there. */
  readonly kindUsable: boolean
}

/** Brings up the cluster that the settings name, by whichever provider fits. */
export async function up(options: ClusterOptions): Promise<ClusterHandle> {
  return (await providerFor(options)).up()
}

/** The provider that the settings name, or for `auto` the one that fits the machine. */
export async function providerFor(options: ClusterOptions): Promise<ClusterProvider> {
  const { config } = options
  const nodeBegun = (await readRecord(layoutOf(config))) !== undefined
  const kindUsable = config.provider === 'auto' && !nodeBegun && (await kindIsUsable())
  switch (chooseProvider(config, { nodeBegun, kindUsable })) {
    case 'debian':
      return debianNode(options)
    case 'kind':
      if (config.registry !== undefined)
        throw new ClusterError(
          '--registry is for a context or the Debian node: kind loads images into its nodes',
        )
      return kindCluster(options)
    case 'context':
      return namedContext(options, config.context ?? '')
  }
}

/** What is named wins; a node that was begun stays what it is; then kind where it is usable. */
export function chooseProvider(config: Pick<ClusterConfig, 'provider'>, findings: Findings): Provider {
  if (config.provider !== 'auto') return config.provider
  if (findings.nodeBegun) return 'debian'
  return findings.kindUsable ? 'kind' : 'debian'
}
