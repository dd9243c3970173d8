import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { moduleEnvironment, stampFlags } from './go-modules.ts'
import { KUBERNETES } from './kubernetes.ts'

const kubernetes = KUBERNETES['1.36']
const { version } = kubernetes
const goMod = await readFile(join(import.meta.dirname, 'kubernetes/go.mod'), 'utf8')
const goSum = await readFile(join(import.meta.dirname, 'kubernetes/go.sum'), 'utf8')

describe('kubernetes/go.mod', () => {
  test('asks for the version that the node is said to run', () => {
    expect(goMod).toContain(`\tk8s.io/kubernetes v${version} `)
    expect(goSum).toContain(`k8s.io/kubernetes v${version} h1:`)
  })

  test('has every staging module in the release that goes with it', () => {
    const replaced = [...goMod.matchAll(/^\t(k8s\.io\/\S+) => (\S+) v(\S+)$/gm)]
    expect(replaced.length).toBeGreaterThan(30)
    for (const [, module, target, release] of replaced) {
      expect({ module, target, release }).toEqual({
        module,
        target: module,
        release: version.replace(/^1\./, '0.'),
      })
    }
  })
})

test('of the machine’s Go settings the build takes only how modules are reached', () => {
  const reach = { GOPROXY: 'https://proxy.test', GOSUMDB: 'off' }
  const environment = moduleEnvironment({ goRoot: '/go', buildDir: '/cache/build', reach })
  expect(environment).toMatchObject({
    ...reach,
    GOENV: 'off',
    GOFLAGS: '-mod=readonly',
    GOWORK: 'off',
    GOOS: '',
  })
  expect(environment.PATH?.split(':')[0]).toBe('/go/bin')
  expect(environment.PATH).not.toContain('/usr/local')
  const places = ['GOROOT', 'GOPATH', 'GOMODCACHE', 'GOCACHE'].map((name) => environment[name])
  expect(places.filter((place) => !/^\/(go$|cache\/build\/)/.test(place ?? ''))).toEqual([])
})

test('every program says which version it is', () => {
  for (const setting of ['component-base/version.gitVersion=v1.36.2', 'client-go/pkg/version.gitMinor=36']) {
    expect(stampFlags(kubernetes)).toContain(`-X k8s.io/${setting}`)
  }
})
