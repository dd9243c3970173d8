import type { ClusterConfig } from './config.ts'
import type { ImageSpec } from './image-inputs.ts'

/** A running cluster, whoever made it. */
export interface ClusterHandle {
  readonly name: string
  /** The administrator's kubeconfig, a file of its own. */
  readonly kubeconfigPath: string
  /** Path of a kubectl that goes with this cluster. */
  readonly kubectl: string
  /** The N of Kubernetes 1.N that it runs. */
  readonly kubernetesMinor: number
  /** Where pods reach programs on this machine. */
  readonly hostAddress: string
  /** Where this machine reaches NodePorts. */
  readonly nodeAddress: string
  /** Undefined in a cluster that was not made here. */
  readonly serviceCidr: string | undefined
  readonly podCidr: string | undefined
  /** Builds an image from its Dockerfile with what the provider has; fast where nothing changed. */
  build(spec: ImageSpec): Promise<void>
  /** Makes an image that was built available to pods; returns the name by which they use it, its tag or that of a registry. */
  load(tag: string): Promise<string>
  /**
   * Says what is about to be made, as `kind/name`: namespaces, and what lies in none. In a cluster of the user's it must not be
   * there yet, and `down` removes it; throws a ClusterError that names what is there. Elsewhere there is nothing to do.
   */
  claim(objects: readonly string[]): Promise<void>
  /** Stops the cluster and undoes what it changed on the machine. */
  down(): Promise<void>
}

/** What every act on a cluster needs to know. */
export interface ClusterOptions {
  readonly config: ClusterConfig
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
  /** Images that will be asked for: a node whose Kubernetes is still to be compiled has them built meanwhile. */
  readonly images?: readonly ImageSpec[]
}

/** How a cluster is. */
export type ClusterState =
  | { readonly type: 'Down' }
  /** A start that was cut short, or an init that died. */
  | { readonly type: 'Broken'; readonly reason: string }
  /** It runs; `problems` is empty where it is healthy; pods are `namespace/name`. */
  | { readonly type: 'Up'; readonly problems: readonly string[]; readonly pods: readonly string[] }

/** One way to come by a cluster. */
export interface ClusterProvider {
  /** Idempotent. Returns once the cluster takes pods. Throws a ClusterError that names the remedy. */
  up(): Promise<ClusterHandle>
  /** Makes what `up` needs and starts nothing; does nothing where nothing is made here. */
  prepare(): Promise<void>
  /** Idempotent. Undoes everything that `up` changed on the machine. */
  down(): Promise<void>
  /** Looks without changing anything. */
  state(): Promise<ClusterState>
  /** A handle on the cluster that runs. Throws a ClusterError where there is none. */
  attach(): Promise<ClusterHandle>
  /**
   * The command line that runs a command inside the node, or in a cluster of several the one that is named, with its
   * processes in sight. Throws a ClusterError where there is none.
   */
  enter(command: readonly string[], node?: string): Promise<readonly string[]>
}
