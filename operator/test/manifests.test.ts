import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { load, loadAll } from 'js-yaml'

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test('the kustomization names files of its own folder, because kubectl 1.20 takes no others', () => {
  const { resources } = load(text('manifests/kustomization.yaml')) as { resources: string[] }
  const folder = new URL('../../manifests', import.meta.url).pathname
  for (const file of resources) {
    expect(file).toMatch(/^[\w-]+\.yaml$/)
    expect(existsSync(join(folder, file))).toBe(true)
  }
})

interface Schema {
  default?: unknown
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema
  'x-kubernetes-list-type'?: string
  'x-kubernetes-map-type'?: string
}

/** The fields with a default inside a list or map that has one manager as a whole. */
function defaultsInWholes(schema: Schema, path: string, whole = false): string[] {
  const own = whole && schema.default !== undefined ? [path] : []
  const below =
    whole ||
    schema['x-kubernetes-map-type'] === 'atomic' ||
    (schema.items !== undefined && !/^(map|set)$/.test(schema['x-kubernetes-list-type'] ?? 'atomic'))
  const children = [
    ...Object.entries(schema.properties ?? {}),
    ...(schema.items ? [['[]', schema.items] as const] : []),
    ...(schema.additionalProperties ? [['{}', schema.additionalProperties] as const] : []),
  ]
  return [...own, ...children.flatMap(([name, child]) => defaultsInWholes(child, `${path}.${name}`, below))]
}

test('no default of the schema lies in what is compared as a whole: a release may change from client-side to server-side apply', () => {
  const crd = load(text('crds/modelrelease.yaml')) as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, Schema> } } }[] }
  }
  for (const { schema } of crd.spec.versions)
    expect(defaultsInWholes(schema.openAPIV3Schema.properties.spec ?? {}, 'spec')).toEqual([])
  const planted = { items: { properties: { port: { default: 80 } } } }
  expect(defaultsInWholes(planted, 'planted')).toEqual(['planted.[].port'])
})

test('the overlay for some namespaces binds there, and only there, what is bound everywhere else', () => {
  const binding = load(text('manifests-namespaced/role-binding.yaml')) as Record<string, unknown>
  const everywhere = (loadAll(text('manifests/operator.yaml')) as Record<string, unknown>[]).find(
    ({ kind }) => kind === 'ClusterRoleBinding',
  )
  expect(binding).toMatchObject({
    kind: 'RoleBinding',
    roleRef: everywhere?.roleRef,
    subjects: everywhere?.subjects,
  })
  const { patches } = load(text('manifests-namespaced/kustomization.yaml')) as {
    patches: { patch: string }[]
  }
  const changed = patches.map(({ patch }) => load(patch) as Record<string, unknown>)
  expect(changed[0]).toMatchObject({
    kind: 'ClusterRoleBinding',
    metadata: everywhere?.metadata && { name: 'modelrelease-operator' },
    $patch: 'delete',
  })
  const { namespace } = binding.metadata as { namespace: string }
  expect(JSON.stringify(changed[1])).toContain(`{"name":"WATCH_NAMESPACES","value":"${namespace}"}`)
})

test('each alert names a chapter of the runbook', () => {
  const { spec } = load(text('manifests/monitoring/rules.yaml')) as {
    spec: { groups: { rules: { alert: string; annotations: { runbook: string } }[] }[] }
  }
  const chapters = [...text('docs/runbook.md').matchAll(/^## (.*)$/gm)].map(
    ([, title = '']) => `docs/runbook.md#${title.toLowerCase().replaceAll(' ', '-')}`,
  )
  const rules = spec.groups.flatMap((group) => group.rules)
  expect(rules.length).toBeGreaterThan(0)
  for (const { alert, annotations } of rules)
    expect([alert, chapters]).toEqual([alert, expect.arrayContaining([annotations.runbook])])
})
