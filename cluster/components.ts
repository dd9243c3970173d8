import { CLUSTER_DOMAIN } from './dns/answer.ts'
import { CONTAINERD, type Kubernetes, type KubernetesProgram } from './kubernetes.ts'
import type { NodeRanges } from './ranges.ts'

/** What the configuration of a node's components is made from. */
export interface NodeSettings {
  readonly nodeName: string
  readonly ranges: NodeRanges
  /** The parent cgroup of all pods, below each hierarchy's root. */
  readonly cgroup: string
  readonly pauseImage: string
  readonly kubernetes: Kubernetes
}

/** A text file of the node, by its path as the node sees it. */
export interface NodeFile {
  readonly path: string
  readonly content: string
  readonly mode: number
}

/** The programs that make the node, in the order in which they are listed to users. */
export const SERVICES = [
  'etcd',
  'containerd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'cluster-dns',
] as const

export type ServiceName = (typeof SERVICES)[number]

/** The directory in which the node sees its keys and certificates. */
export const PKI = '/var/lib/pki'

/** The machine's Node and this checkout, as the node sees them. */
export const NODE_PROGRAM = '/run/node'
export const CHECKOUT = '/run/checkout'

/** Where containerd looks, at each pull, for what it may do at a registry. */
const REGISTRIES = '/run/registries'

/** The directory in which the node sees its configuration. */
const CONFIG = '/var/lib/config'

/** Client identities, each with a kubeconfig of its own inside the node. */
export const NODE_CLIENTS = ['kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'] as const

/**
 * Kernel settings that the kubelet insists on and otherwise writes for the whole machine
 * (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables); the node sees these values in their place.
 */
export const EXPECTED_KERNEL_SETTINGS: Readonly<Record<string, string>> = {
  'vm/overcommit_memory': '1',
  'vm/panic_on_oom': '0',
  'kernel/panic': '10',
  'kernel/panic_on_oops': '1',
  'kernel/keys/root_maxkeys': '1000000',
  'kernel/keys/root_maxbytes': '25000000',
}

/** Every text file that the node needs before its init starts, keys and certificates apart. */
export function nodeFiles(settings: NodeSettings): NodeFile[] {
  const text = (path: string, content: string): NodeFile => ({ path, content, mode: 0o644 })
  return [
    ...SERVICES.map((name) => serviceFile(name, commandLine(name, settings))),
    ...NODE_CLIENTS.map((user) =>
      text(`${CONFIG}/${user}.kubeconfig`, kubeconfigText('https://127.0.0.1:6443', PKI, user)),
    ),
    ...Object.entries(EXPECTED_KERNEL_SETTINGS).map(([name, value]) =>
      text(`/run/sysctl/${name.replaceAll('/', ':')}`, `${value}\n`),
    ),
    text(`${CONFIG}/containerd.toml`, containerdConfig(settings)),
    text(`${CONFIG}/kubelet.json`, json(kubeletConfig(settings))),
    text(`${CONFIG}/cni/10-node.conflist`, json(networkConfig(settings))),
    // Nothing outside the node answers names, so a pod whose lookups are not for the cluster's DNS has nobody to ask.
    text(`${CONFIG}/resolv.conf`, ''),
    // The machine's Node is mounted over it.
    text(NODE_PROGRAM, ''),
  ]
}

/** A kubeconfig that names its key files by path. */
export function kubeconfigText(server: string, pki: string, user: string): string {
  return json({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'node', cluster: { server, 'certificate-authority': `${pki}/ca.crt` } }],
    users: [
      {
        name: user,
        user: { 'client-certificate': `${pki}/${user}.crt`, 'client-key': `${pki}/${user}.key` },
      },
    ],
    contexts: [{ name: 'node', context: { cluster: 'node', user } }],
    'current-context': 'node',
  })
}

/** The program and arguments of one component, as the node sees its files. */
export function commandLine(name: ServiceName, settings: NodeSettings): string[] {
  return [...commonCommand(name, settings), ...(settings.kubernetes.flags[name as KubernetesProgram] ?? [])]
}

/** What every version of the program takes. */
function commonCommand(name: ServiceName, settings: NodeSettings): string[] {
  const { ranges, nodeName } = settings
  const kubeconfig = `--kubeconfig=${CONFIG}/${name}.kubeconfig`
  switch (name) {
    case 'etcd':
      // The cluster is thrown away with its namespaces, so no write has to survive the machine.
      return [
        '/run/bin/etcd',
        '--data-dir=/var/lib/etcd',
        '--unsafe-no-fsync',
        '--listen-client-urls=http://127.0.0.1:2379',
        '--advertise-client-urls=http://127.0.0.1:2379',
        '--listen-peer-urls=http://127.0.0.1:2380',
        '--logger=zap',
        '--log-level=warn',
      ]
    case 'containerd':
      return ['/run/bin/containerd', `--config=${CONFIG}/containerd.toml`]
    case 'kube-apiserver':
      return apiServerCommand(ranges)
    case 'kube-controller-manager':
      return [
        '/run/bin/kube-controller-manager',
        kubeconfig,
        '--leader-elect=false',
        '--use-service-account-credentials=true',
        `--service-account-private-key-file=${PKI}/service-account.key`,
        `--root-ca-file=${PKI}/ca.crt`,
        `--cluster-signing-cert-file=${PKI}/ca.crt`,
        `--cluster-signing-key-file=${PKI}/ca.key`,
        '--node-monitor-period=1s',
        // At the default of 20 requests a second, starting all controllers takes eight seconds.
        '--kube-api-qps=200',
        '--kube-api-burst=400',
        '--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins',
        '--bind-address=127.0.0.1',
      ]
    case 'kube-scheduler':
      return ['/run/bin/kube-scheduler', kubeconfig, '--leader-elect=false', '--bind-address=127.0.0.1']
    case 'kubelet':
      return [
        '/run/bin/kubelet',
        kubeconfig,
        `--config=${CONFIG}/kubelet.json`,
        `--hostname-override=${nodeName}`,
        `--node-ip=${ranges.nodeAddress}`,
        '--root-dir=/var/lib/kubelet',
      ]
    case 'kube-proxy':
      return [
        '/run/bin/kube-proxy',
        kubeconfig,
        '--proxy-mode=iptables',
        `--cluster-cidr=${ranges.podCidr}`,
        `--hostname-override=${nodeName}`,
        // Said here, the address need not be looked for in the API, with a pause that doubles, until the node is there.
        `--bind-address=${ranges.nodeAddress}`,
        // Zero leaves the machine's connection tracking limits alone.
        '--conntrack-max-per-core=0',
        '--conntrack-min=0',
        '--conntrack-tcp-timeout-established=0',
        '--conntrack-tcp-timeout-close-wait=0',
        '--metrics-bind-address=127.0.0.1:10249',
      ]
    case 'cluster-dns':
      return [NODE_PROGRAM, `${CHECKOUT}/cluster/dns/main.ts`, ranges.dnsAddress, PKI]
  }
}

function apiServerCommand(ranges: NodeRanges): string[] {
  return [
    '/run/bin/kube-apiserver',
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${ranges.nodeAddress}`,
    `--service-cluster-ip-range=${ranges.serviceCidr}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--client-ca-file=${PKI}/ca.crt`,
    `--tls-cert-file=${PKI}/kube-apiserver.crt`,
    `--tls-private-key-file=${PKI}/kube-apiserver.key`,
    `--kubelet-certificate-authority=${PKI}/ca.crt`,
    `--kubelet-client-certificate=${PKI}/kube-apiserver-kubelet-client.crt`,
    `--kubelet-client-key=${PKI}/kube-apiserver-kubelet-client.key`,
    // exec and logs must not depend on the node's name resolving anywhere.
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${PKI}/service-account.pub`,
    `--service-account-signing-key-file=${PKI}/service-account.key`,
  ]
}

function serviceFile(name: ServiceName, command: readonly string[]): NodeFile {
  const lines = command.map((word) => `  ${word} \\`).join('\n')
  const environment = 'PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root'
  // `env -i`: a proxy in the caller's environment is no business of the node's.
  const content = `#!/bin/sh\nexec env -i ${environment} \\\n${lines}\n  </dev/null >>/var/log/${name}.log 2>&1\n`
  return { path: `/run/services/${name}`, content, mode: 0o755 }
}

function kubeletConfig({ ranges, cgroup, kubernetes }: NodeSettings): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: '0.0.0.0',
    tlsCertFile: `${PKI}/kubelet-serving.crt`,
    tlsPrivateKeyFile: `${PKI}/kubelet-serving.key`,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: `${PKI}/ca.crt` },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    clusterDomain: CLUSTER_DOMAIN,
    clusterDNS: [ranges.dnsAddress],
    resolvConf: `${CONFIG}/resolv.conf`,
    failSwapOn: false,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    // Events and status of many pods at once are what a test looks at; the defaults would hold them back.
    eventRecordQPS: 50,
    kubeAPIQPS: 50,
    kubeAPIBurst: 100,
    // The first report comes before the node is ready, and the default has the next one ten seconds later.
    nodeStatusUpdateFrequency: '1s',
    nodeStatusReportFrequency: '5m0s',
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    ...kubernetes.kubelet,
  }
}

/**
 * Plugin `ptp` routes each pod over a wire of its own. With `bridge`, two pods of one Service would talk below
 * iptables wherever the kernel lacks br_netfilter, and answers would come from an address that was never asked.
 */
function networkConfig({ ranges }: NodeSettings): object {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: ranges.podCidr }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: '/run/cni-addresses',
  }
  return {
    cniVersion: '0.4.0',
    name: 'node',
    plugins: [
      { type: 'ptp', ipMasq: false, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}

function containerdConfig({ pauseImage }: NodeSettings): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"'
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = "${CONTAINERD}"

[${cri}]
  sandbox_image = "${pauseImage}"
  # Where this process may not lower its OOM score, every sandbox fails otherwise: runc says
  # "can't get final child's PID from pipe: EOF".
  restrict_oom_score_adj = true
  # A profile would be loaded into the machine's kernel and stay there.
  disable_apparmor = true

[${cri}.containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"

[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[${cri}.containerd.runtimes.runc.options]
  BinaryName = "/run/bin/runc"
  SystemdCgroup = false

[${cri}.registry]
  config_path = "${REGISTRIES}"

[${cri}.cni]
  bin_dir = "/run/bin/cni"
  conf_dir = "${CONFIG}/cni"
`
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
