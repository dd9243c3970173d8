/** What a kind node's image holds besides Debian, programs and the files that kind's module carries; as texts. */
import { EXPECTED_KERNEL_SETTINGS } from '../components.ts'

/** A file of the image, its path from the root. */
export interface ImageFile {
  readonly path: string
  readonly content: string
}

/** An image that the node's containerd knows from the start. */
export interface NodeImage {
  readonly reference: string
  /** Programs in it, by their names in the directory of compiled ones, and where they lie in the image. */
  readonly programs: Readonly<Record<string, string>>
  /** Built on the node's own Debian, for what calls iptables and a shell; otherwise on nothing. */
  readonly onDebian: boolean
  readonly entrypoint?: readonly string[]
}

/** Without it kind would give Services the network of the machine's containers; one node needs no more than one bridge. */
const NETWORK_IMAGE = 'modelrelease/kind-network:1'

const KERNEL_SETTINGS = 'kind/kernel-settings'

/** The files that kind, kubeadm and systemd look for. */
export function nodeImageFiles(version: string): ImageFile[] {
  return [
    { path: 'kind/version', content: `v${version}` },
    { path: 'kind/manifests/default-cni.yaml', content: networkManifest() },
    { path: 'kind/manifests/default-storage.yaml', content: STORAGE_MANIFEST },
    { path: 'etc/default/kubelet', content: kubeletDefaults() },
    { path: 'etc/systemd/system/kernel-settings.service', content: KERNEL_SETTINGS_UNIT },
    ...Object.entries(EXPECTED_KERNEL_SETTINGS).map(([path, value]) => ({
      path: `${KERNEL_SETTINGS}/${path}`,
      content: `${value}\n`,
    })),
  ]
}

/** By the names that kubeadm prints, and the two that the node itself needs. */
export function nodeImages(kubeadmImages: readonly string[], sandboxImage: string): NodeImage[] {
  const images = kubeadmImages
    .filter((reference) => !reference.includes('/pause:'))
    .map((reference): NodeImage => {
      const name = /\/([^/:]+):[^:]+$/.exec(reference)?.[1] ?? ''
      // Deployed with arguments alone; the others name their program.
      const entrypoint = name === 'coredns' ? { entrypoint: ['/usr/local/bin/coredns'] } : {}
      const programs = { [name]: `/usr/local/bin/${name}` }
      return { reference, programs, onDebian: name === 'kube-proxy', ...entrypoint }
    })
  const pause = {
    reference: sandboxImage,
    programs: { pause: '/pause' },
    onDebian: false,
    entrypoint: ['/pause'],
  }
  return [...images, pause, { reference: `docker.io/${NETWORK_IMAGE}`, programs: {}, onDebian: true }]
}

/** The image that containerd's configuration names for sandboxes. */
export function sandboxImageOf(configuration: string): string {
  const found = /^\s*sandbox_image\s*=\s*"([^"]+)"/m.exec(configuration)?.[1]
  if (found === undefined) throw new Error('containerd’s configuration names no sandbox_image')
  return found
}

/**
 * Every container's specification, as kind makes it from containerd's own: with its hook, without limits that a container's root may
 * not be allowed to raise.
 */
export function baseSpecification(printed: string): string {
  const { process, hooks, ...rest } = JSON.parse(printed) as {
    process: { rlimits?: unknown }
    hooks?: { createContainer?: object[] }
  }
  const createContainer = [...(hooks?.createContainer ?? []), { path: '/kind/bin/mount-product-files.sh' }]
  return JSON.stringify({
    ...rest,
    process: { ...process, rlimits: undefined },
    hooks: { ...hooks, createContainer },
  })
}

function kubeletDefaults(): string {
  return 'KUBELET_EXTRA_ARGS=--runtime-cgroups=/system.slice/containerd.service --fail-cgroupv1=false\n'
}

/** The kubelet writes them otherwise, and these are the machine's. */
const KERNEL_SETTINGS_UNIT = `[Unit]
Description=Show the kubelet the kernel settings that it wants
Before=containerd.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
WorkingDirectory=/${KERNEL_SETTINGS}
ExecStart=/bin/sh -c 'for file in $$(find * -type f); do mount --bind $$file /proc/sys/$$file; done'

[Install]
WantedBy=multi-user.target
`

const STORAGE_MANIFEST = JSON.stringify({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'kubernetes.io/host-path',
})

/**
 * One node: each pod hangs on a wire of its own, with an address of the whole Pod range. kind fills in the range of a manifest that
 * says the words in the comment.
 */
function networkManifest(): string {
  const configuration = {
    cniVersion: '0.4.0',
    name: 'kind',
    plugins: [
      {
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: '{{ .PodSubnet }}' }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
  const script = [
    `printf '%s' "$CONFIGURATION" > /etc/cni/net.d/.new`,
    'mv /etc/cni/net.d/.new /etc/cni/net.d/10-kind.conflist',
    'exec sleep infinity',
  ].join(' && ')
  const labels = { app: 'kind-network' }
  const pod = {
    hostNetwork: true,
    priorityClassName: 'system-node-critical',
    tolerations: [{ operator: 'Exists' }],
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'network',
        image: `docker.io/${NETWORK_IMAGE}`,
        command: ['/bin/sh', '-c', script],
        env: [{ name: 'CONFIGURATION', value: JSON.stringify(configuration) }],
        volumeMounts: [{ name: 'configuration', mountPath: '/etc/cni/net.d' }],
      },
    ],
    volumes: [{ name: 'configuration', hostPath: { path: '/etc/cni/net.d' } }],
  }
  const daemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kind-network', namespace: 'kube-system' },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
  }
  return `# would you kindly template this file\n${JSON.stringify(daemonSet)}\n`
}
