/** The versions of Kubernetes that the node can run, and everything in which they differ. */

/** As settings name them. */
export type KubernetesRelease = '1.36' | '1.20'

/** Programs of Kubernetes in a node, and its store. */
export type KubernetesProgram =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kubelet'
  | 'kube-proxy'
  | 'kubectl'

/** One version: where it comes from, and what its programs want said in their own way. */
export interface Kubernetes {
  readonly release: KubernetesRelease
  readonly version: string
  /** The N of 1.N. */
  readonly minor: number
  /** Of the release's tag, for `kubectl version` and the user agent. */
  readonly commit: string
  /** Raised when the same version is built in another way, so that binaries cached before are not used any more. */
  readonly build: number
  readonly source: 'GoModules' | 'DebianSource'
  readonly sourceInWords: string
  /** How long the build takes, for whoever waits. */
  readonly takes: string
  /** The programs that are compiled; the others come from `packages`. */
  readonly compiled: readonly KubernetesProgram[]
  /** Debian's packages that are unpacked for it, beside those of every node, and the programs taken from them. */
  readonly packages: readonly string[]
  readonly packagedPrograms: readonly string[]
  /** Command line flags that other versions do not take. */
  readonly flags: Partial<Readonly<Record<KubernetesProgram, readonly string[]>>>
  /** Members of KubeletConfiguration that other versions do not know. */
  readonly kubelet: Readonly<Record<string, unknown>>
}

/** The node's containerd, as the node sees it. */
export const CONTAINERD = '/run/containerd/containerd.sock'

const CONTROL_PLANE_AND_NODE = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
] as const

/** What users run. Its version is the one of kubernetes/go.mod. */
const CURRENT: Kubernetes = {
  release: '1.36',
  version: '1.36.2',
  minor: 36,
  commit: '24e2b02af5543d7910c2bb074c7264df5a8f0467',
  build: 1,
  source: 'GoModules',
  sourceInWords: 'Go modules',
  takes: 'about 7 minutes on 2 idle cores',
  compiled: [...CONTROL_PLANE_AND_NODE, 'kubectl', 'etcd'],
  packages: [],
  packagedPrograms: [],
  flags: {},
  kubelet: {
    containerRuntimeEndpoint: `unix://${CONTAINERD}`,
    // A machine may still have version 1 cgroups, which Debian's runc knows as well as version 2.
    failCgroupV1: false,
  },
}

/** The newest whose complete source Debian 12 carries, for machines that reach no Go module proxy. */
const FALLBACK: Kubernetes = {
  release: '1.20',
  version: '1.20.2',
  minor: 20,
  commit: 'faecb196815e248d3ecfb03c680a4507229c2a56',
  build: 3,
  source: 'DebianSource',
  sourceInWords: "Debian's sources",
  takes: 'about 6 minutes on 2 idle cores',
  compiled: CONTROL_PLANE_AND_NODE,
  packages: [
    'etcd-server',
    'kubernetes-client',
    'golang-1.19-go',
    'golang-1.19-src',
    'golang-github-modern-go-reflect2-dev',
  ],
  packagedPrograms: ['usr/bin/etcd', 'usr/bin/kubectl'],
  flags: {
    'kube-controller-manager': ['--port=0'],
    'kube-scheduler': ['--port=0'],
    kubelet: ['--container-runtime=remote', `--container-runtime-endpoint=unix://${CONTAINERD}`],
  },
  kubelet: {},
}

/** Every version, by the name that settings have for it. */
export const KUBERNETES: Readonly<Record<KubernetesRelease, Kubernetes>> = {
  '1.36': CURRENT,
  '1.20': FALLBACK,
}
