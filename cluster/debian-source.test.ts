import { expect, test } from '@jest/globals'
import { goEnvironment, versionStamps } from './debian-source.ts'

test('Debian’s Go comes before any other, in GOPATH mode', () => {
  const environment = goEnvironment('/cache/build')
  expect(environment).toMatchObject({
    GO111MODULE: 'off',
    CGO_ENABLED: '0',
    GOENV: 'off',
    GOPATH: '/cache/build/gopath',
    GOROOT: '/cache/build/packages/usr/lib/go-1.19',
  })
  expect(environment.PATH?.split(':')[0]).toBe('/cache/build/packages/usr/lib/go-1.19/bin')
  expect(environment.PATH).not.toContain('/usr/local')
})

test('every binary says which version it is, by make and by go build', () => {
  const { file, ldflags } = versionStamps('1.20.2', 'abc')
  expect(file).toContain("KUBE_GIT_VERSION='v1.20.2'\nKUBE_GIT_MAJOR='1'\nKUBE_GIT_MINOR='20'\n")
  for (const setting of [
    'component-base/version.gitVersion=v1.20.2',
    'client-go/pkg/version.gitCommit=abc',
  ]) {
    expect(ldflags).toContain(`-X k8s.io/kubernetes/vendor/k8s.io/${setting}`)
  }
})
