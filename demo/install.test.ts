import { expect, test } from '@jest/globals'
import { clusterWide, IMAGES, operatorManifests, servedBy, shippedObjects } from './install.ts'

type Item = { kind: string; stringData?: Record<string, string>; spec?: unknown }

const { items } = operatorManifests({ endpoint: 'http://10.0.0.1:4570' }) as { items: Item[] }

test('everything that the shipped kustomization names is installed', () => {
  const kinds = new Set(items.map(({ kind }) => kind))
  expect([...kinds].sort()).toEqual([
    'ClusterRole',
    'ClusterRoleBinding',
    'CustomResourceDefinition',
    'Deployment',
    'Namespace',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'Role',
    'RoleBinding',
    'Secret',
    'ServiceAccount',
  ])
})

test('the operator is led to the emulator by a Secret that is there before it', () => {
  const secret = items.findIndex(({ kind }) => kind === 'Secret')
  const deployment = items.findIndex(({ kind }) => kind === 'Deployment')
  expect(items[secret]?.stringData?.AWS_ENDPOINT_URL_CLOUDFRONT).toBe('http://10.0.0.1:4570')
  expect(items[secret]?.stringData?.CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT).toBe('http://10.0.0.1:4570')
  expect(JSON.stringify(items[deployment])).toContain('{"secretRef":{"name":"cloudfront-local"}}')
  expect(secret).toBeLessThan(deployment)
})

test('what else the operator is told stands in that Secret', () => {
  const told = operatorManifests({
    endpoint: 'http://10.0.0.1:4570',
    settings: { CLOUDFRONT_UPDATE_SPACING_SECONDS: '1' },
  })
  const secret = (told.items as Item[]).find(({ kind }) => kind === 'Secret')
  expect(secret?.stringData?.CLOUDFRONT_UPDATE_SPACING_SECONDS).toBe('1')
})

test('the images that the demo builds are those that the manifests name', () => {
  const [operator, modelServer] = IMAGES
  const deployment = JSON.stringify(items.find(({ kind }) => kind === 'Deployment'))
  expect(deployment).toContain(`"image":"${operator.tag}"`)
  expect(deployment).toContain(`"value":"${modelServer.tag}"`)
})

test('where images come from a registry, the manifests name them there', () => {
  const images = new Map(IMAGES.map(({ tag }) => [tag, `r.test/${tag.replace(':dev', '@sha256:1')}`]))
  const named = operatorManifests({ endpoint: 'http://10.0.0.1:4570', images })
  const deployment = JSON.stringify(named.items.find(({ kind }) => kind === 'Deployment'))
  expect(deployment).toContain('"image":"r.test/modelrelease/operator@sha256:1"')
  expect(deployment).toContain('"value":"r.test/modelrelease/model-server@sha256:1"')
  expect(deployment).not.toContain(':dev')
})

test('what must not be there yet in a cluster of the user is all that no namespace of ours holds', () => {
  const claimed = clusterWide(shippedObjects())
  expect(claimed.toSorted()).toEqual([
    'clusterrole/modelrelease-edit',
    'clusterrole/modelrelease-operator',
    'clusterrole/modelrelease-view',
    'clusterrolebinding/modelrelease-operator',
    'customresourcedefinition/modelreleases.modelrelease.io',
    'namespace/modelrelease-system',
  ])
})

test('an API server of 1.20 gets the budget in the version that it knows, and nothing else in another', () => {
  const versions = (minor: number): string[] =>
    servedBy(shippedObjects() as { apiVersion?: string }[], minor).map(({ apiVersion = '' }) => apiVersion)
  const current = versions(36)
  expect(versions(21)).toEqual(current)
  expect(current).toContain('policy/v1')
  expect(versions(20)).toEqual(current.map((one) => (one === 'policy/v1' ? 'policy/v1beta1' : one)))
})
