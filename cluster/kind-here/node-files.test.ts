import { describe, expect, test } from '@jest/globals'
import { baseSpecification, nodeImageFiles, nodeImages, sandboxImageOf } from './node-files.ts'

const content = (path: string): string =>
  nodeImageFiles('1.36.2').find((file) => file.path === path)?.content ?? ''

describe('the files of a node image', () => {
  test('name the version as kind reads it', () => {
    expect(content('kind/version')).toBe('v1.36.2')
  })

  test('let the kubelet run on version 1 cgroups', () => {
    expect(content('etc/default/kubelet')).toContain('--fail-cgroupv1=false')
  })

  test('show the kubelet what it wants of the kernel', () => {
    expect(content('kind/kernel-settings/vm/overcommit_memory')).toBe('1\n')
  })

  test('hold a network for whatever range kind fills in', () => {
    const manifest = content('kind/manifests/default-cni.yaml')
    // What kind looks for before it fills anything in.
    expect(manifest).toContain('would you kindly template this file')
    const filled = manifest.replaceAll('{{ .PodSubnet }}', '10.228.128.0/17').split('\n')
    const [, object = ''] = filled
    const { spec } = JSON.parse(object) as {
      spec: { template: { spec: { containers: { env: { value: string }[] }[] } } }
    }
    const written = JSON.parse(spec.template.spec.containers[0]?.env[0]?.value ?? '') as object
    expect(written).toMatchObject({
      plugins: [{ type: 'ptp', ipam: { ranges: [[{ subnet: '10.228.128.0/17' }]] } }, { type: 'portmap' }],
    })
  })
})

describe('nodeImages', () => {
  const listed = [
    'registry.k8s.io/kube-apiserver:v1.36.2',
    'registry.k8s.io/kube-proxy:v1.36.2',
    'registry.k8s.io/coredns/coredns:v1.14.2',
    'registry.k8s.io/pause:3.10.2',
    'registry.k8s.io/etcd:3.6.8-0',
  ]
  const images = nodeImages(listed, 'registry.k8s.io/pause:3.10')
  const named = (reference: string): unknown => images.find((image) => image.reference === reference)

  test('have the program of their name on the path', () => {
    expect(named('registry.k8s.io/etcd:3.6.8-0')).toEqual({
      reference: 'registry.k8s.io/etcd:3.6.8-0',
      programs: { etcd: '/usr/local/bin/etcd' },
      onDebian: false,
    })
  })

  test('run CoreDNS, which is given arguments alone', () => {
    expect(named('registry.k8s.io/coredns/coredns:v1.14.2')).toMatchObject({
      programs: { coredns: '/usr/local/bin/coredns' },
      entrypoint: ['/usr/local/bin/coredns'],
    })
  })

  test('give kube-proxy the iptables of Debian', () => {
    expect(named('registry.k8s.io/kube-proxy:v1.36.2')).toMatchObject({ onDebian: true })
  })

  test('hold the sandbox that containerd asks for, not the one of kubeadm', () => {
    expect(named('registry.k8s.io/pause:3.10')).toMatchObject({ entrypoint: ['/pause'] })
    expect(named('registry.k8s.io/pause:3.10.2')).toBeUndefined()
  })
})

describe('containerd', () => {
  test('is asked which sandbox image it wants', () => {
    expect(sandboxImageOf('[a]\n  # sandbox_image = "no"\n  sandbox_image = "r/pause:3.10"\n')).toBe(
      'r/pause:3.10',
    )
    expect(() => sandboxImageOf('version = 2')).toThrow('sandbox_image')
  })

  test('starts containers with kind’s hook and without limits', () => {
    const printed = JSON.stringify({
      ociVersion: '1.0.2',
      process: { cwd: '/', rlimits: [{ type: 'RLIMIT_NOFILE' }] },
      root: { path: 'rootfs' },
    })
    expect(JSON.parse(baseSpecification(printed))).toEqual({
      ociVersion: '1.0.2',
      process: { cwd: '/' },
      root: { path: 'rootfs' },
      hooks: { createContainer: [{ path: '/kind/bin/mount-product-files.sh' }] },
    })
  })
})
