import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { load, loadAll } from 'js-yaml'

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test.each([
  ['manifests', /^base\/[\w-]+\.yaml$/],
  ['manifests/base', /^[\w-]+\.yaml$/],
])('the kustomization of %s names files below it, because kubectl 1.20 takes no others', (folder, below) => {
  const { resources } = load(text(`${folder}/kustomization.yaml`)) as { resources: string[] }
  expect(resources.length).toBeGreaterThan(0)
  for (const file of resources) {
    expect(file).toMatch(below)
    expect(existsSync(new URL(`../../${folder}/${file}`, import.meta.url))).toBe(true)
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

test('the overlay for some namespaces grants there, and only there, what is granted everywhere else', () => {
  type Grant = { kind: string; metadata: { name: string; namespace?: string } } & Record<string, unknown>
  const all = (path: string): [Grant, Grant] => loadAll(text(path)) as [Grant, Grant]
  const [clusterRole, everywhere] = all('manifests/base/cluster-role.yaml')
  const [role, binding] = all('manifests/overlays/namespaced/role.yaml')
  expect(role).toMatchObject({ kind: 'Role', rules: clusterRole.rules })
  expect(binding).toMatchObject({
    kind: 'RoleBinding',
    metadata: { namespace: role.metadata.namespace },
    roleRef: { kind: 'Role', name: role.metadata.name },
    subjects: everywhere.subjects,
  })
  const { patches } = load(text('manifests/overlays/namespaced/kustomization.yaml')) as {
    patches: { patch?: string }[]
  }
  const deleted = patches.flatMap(({ patch }) => (patch === undefined ? [] : [load(patch)]))
  expect(deleted).toMatchObject(
    [clusterRole, everywhere].map(({ kind, metadata }) => ({
      kind,
      metadata: { name: metadata.name },
      $patch: 'delete',
    })),
  )
  expect(text('manifests/overlays/namespaced/deployment.yaml')).toContain(
    `{ name: WATCH_NAMESPACES, value: ${role.metadata.namespace ?? ''} }`,
  )
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
