import { describe, expect, test } from '@jest/globals'
import {
  commandLine,
  EXPECTED_KERNEL_SETTINGS,
  nodeFiles,
  SERVICES,
  type NodeSettings,
} from './components.ts'
import { serviceOf } from './dns/answer.ts'
import { KUBERNETES, type KubernetesRelease } from './kubernetes.ts'
import { nodeRanges } from './ranges.ts'

const settings: NodeSettings = {
  nodeName: 'n',
  ranges: nodeRanges('10.20.0.0/16'),
  cgroup: 'modelrelease-n',
  pauseImage: 'docker.io/modelrelease/pause:1',
  kubernetes: KUBERNETES['1.36'],
}
const files = nodeFiles(settings)
const contentOf = (path: string): string => files.find((file) => file.path === path)?.content ?? ''

describe('nodeFiles', () => {
  test('lie in the two directories that the node has of its own', () => {
    expect(files.filter(({ path }) => !/^\/(run|var\/lib)\//.test(path))).toEqual([])
  })

  test('hold one executable for each service, free of the caller’s environment', () => {
    for (const name of SERVICES) {
      const file = files.find(({ path }) => path === `/run/services/${name}`)
      expect(file?.mode).toBe(0o755)
      expect(file?.content).toMatch(/^#!\/bin\/sh\nexec env -i PATH=/)
      expect(file?.content).toContain(`>>/var/log/${name}.log 2>&1`)
    }
  })

  test('name no file of configuration that is not among them', () => {
    const paths = new Set(files.map(({ path }) => path))
    const named = files.flatMap(({ content }) => content.match(/\/var\/lib\/config\/[\w./-]*\w/g) ?? [])
    const directories = new Set([...paths].map((path) => path.replace(/\/[^/]*$/, '')))
    expect(named.filter((path) => !paths.has(path) && !directories.has(path))).toEqual([])
    expect(named.length).toBeGreaterThan(5)
  })

  test('stand in for each kernel setting that kubelet would write for the whole machine', () => {
    expect(contentOf('/run/sysctl/vm:overcommit_memory')).toBe('1\n')
    expect(files.filter(({ path }) => path.startsWith('/run/sysctl/'))).toHaveLength(
      Object.keys(EXPECTED_KERNEL_SETTINGS).length,
    )
  })

  test('give pods addresses from the Pod range only, over plugin ptp', () => {
    const network = JSON.parse(contentOf('/var/lib/config/cni/10-node.conflist')) as {
      plugins: { type: string; ipMasq?: boolean; ipam?: { ranges: unknown } }[]
    }
    expect(network.plugins.map(({ type }) => type)).toEqual(['ptp', 'portmap'])
    expect(network.plugins[0]).toMatchObject({
      ipMasq: false,
      ipam: { ranges: [[{ subnet: '10.20.128.0/17' }]] },
    })
  })

  test('keep every pod below the cgroup that down removes', () => {
    expect(JSON.parse(contentOf('/var/lib/config/kubelet.json'))).toMatchObject({
      cgroupRoot: '/modelrelease-n',
      cgroupDriver: 'cgroupfs',
      failSwapOn: false,
      authentication: { anonymous: { enabled: false } },
    })
  })

  test('let containerd run without the right to lower OOM scores', () => {
    expect(contentOf('/var/lib/config/containerd.toml')).toContain('restrict_oom_score_adj = true')
  })
})

describe('what versions differ in', () => {
  const kubeletOf = (release: KubernetesRelease): Record<string, unknown> => {
    const all = nodeFiles({ ...settings, kubernetes: KUBERNETES[release] })
    const text = all.find(({ path }) => path === '/var/lib/config/kubelet.json')?.content ?? ''
    return JSON.parse(text) as Record<string, unknown>
  }
  const endpoint = 'unix:///run/containerd/containerd.sock'

  test('1.36 reads the container runtime from its file, and takes version 1 cgroups only when told', () => {
    expect(kubeletOf('1.36')).toMatchObject({ containerRuntimeEndpoint: endpoint, failCgroupV1: false })
    expect(commandLine('kubelet', settings).join(' ')).not.toContain('--container-runtime')
  })

  test('1.20 reads it from its flags, and would not start with a member that it does not know', () => {
    const old = { ...settings, kubernetes: KUBERNETES['1.20'] }
    expect(commandLine('kubelet', old)).toEqual(
      expect.arrayContaining(['--container-runtime=remote', `--container-runtime-endpoint=${endpoint}`]),
    )
    expect(Object.keys(kubeletOf('1.20'))).toEqual(expect.not.arrayContaining(['failCgroupV1']))
  })

  test('only 1.20 has ports without keys, and closes them', () => {
    for (const name of ['kube-controller-manager', 'kube-scheduler'] as const) {
      expect(commandLine(name, { ...settings, kubernetes: KUBERNETES['1.20'] })).toContain('--port=0')
      expect(commandLine(name, settings)).not.toContain('--port=0')
    }
  })
})

describe('commandLine', () => {
  test('has the DNS listen where pods are told to ask', () => {
    const { clusterDNS, clusterDomain } = JSON.parse(contentOf('/var/lib/config/kubelet.json')) as {
      clusterDNS: string[]
      clusterDomain: string
    }
    expect(commandLine('cluster-dns', settings)).toEqual(expect.arrayContaining(clusterDNS))
    expect(serviceOf(`kubernetes.default.svc.${clusterDomain}`)?.service).toBe('kubernetes')
  })

  test('authorizes by role, and reaches kubelets by address', () => {
    expect(commandLine('kube-apiserver', settings)).toEqual(
      expect.arrayContaining([
        '--authorization-mode=Node,RBAC',
        '--service-cluster-ip-range=10.20.64.0/18',
        '--advertise-address=10.20.0.2',
        '--kubelet-preferred-address-types=InternalIP',
      ]),
    )
  })

  test('leaves the machine’s connection tracking alone', () => {
    expect(commandLine('kube-proxy', settings)).toEqual(
      expect.arrayContaining([
        '--conntrack-max-per-core=0',
        '--conntrack-min=0',
        '--cluster-cidr=10.20.128.0/17',
      ]),
    )
  })

  test('opens etcd to the node alone', () => {
    const urls = commandLine('etcd', settings).filter((word) => word.includes('urls='))
    expect(urls).toHaveLength(3)
    for (const url of urls) expect(url).toContain('=http://127.0.0.1:')
  })
})
