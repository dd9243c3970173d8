/** What is derived from manifests/base for kustomize: the default install, and the Role of a namespace. */
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'

const BASE = 'manifests/base'
export const CLUSTER_ROLE = `${BASE}/cluster-role.yaml`

/** Generated files by their paths. */
export type Files = Record<string, string>

/** Text to find exactly once, and what to put in its place. */
export type Edit = readonly [find: string, replacement: string]

/** @throws where what an edit looks for is not there, or more than once. */
export function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, [find, replacement]) => {
    const parts = before.split(find)
    if (parts.length !== 2)
      throw new Error(`"${find}" stands ${parts.length - 1} times in what is edited, not once`)
    return parts.join(replacement)
  }, text)
}

/** What a file says to whoever reads it there, above its first object. */
export function withoutHeading(source: string): string {
  return source.replace(/^(#.*\n)+/, '')
}

/** The rights of everywhere in one namespace, under a name that the Role of the leases in the operator's own has not. */
export function roleIn(namespace: string, source: string): string {
  const [role = '', binding = ''] = source.split('---\n')
  const placed: Edit = [
    '\nmetadata:\n  name: modelrelease-operator\n',
    `\nmetadata:\n  name: modelrelease-operator-releases\n  namespace: ${namespace}\n`,
  ]
  return [
    edited(withoutHeading(role), [['kind: ClusterRole\n', 'kind: Role\n'], placed]),
    edited(binding, [
      ['kind: ClusterRoleBinding\n', 'kind: RoleBinding\n'],
      placed,
      ['kind: ClusterRole, name: modelrelease-operator', 'kind: Role, name: modelrelease-operator-releases'],
    ]),
  ].join('---\n')
}

/** @throws where what an edit looks for is not there. */
export function kustomizeFiles(): Files {
  const { resources } = load(readFileSync(`${BASE}/kustomization.yaml`, 'utf8')) as { resources: string[] }
  const role = roleIn('models', readFileSync(CLUSTER_ROLE, 'utf8'))
  return {
    'manifests/kustomization.yaml': [
      `# Generated from ${BASE}/kustomization.yaml by npm run generate; do not edit. The same objects: kubectl 1.20 takes no folders.`,
      'apiVersion: kustomize.config.k8s.io/v1beta1',
      'kind: Kustomization',
      'resources:',
      ...resources.map((file) => `  - base/${file}`),
      '',
    ].join('\n'),
    'manifests/overlays/namespaced/role.yaml': `# Generated from ${CLUSTER_ROLE} by npm run generate; do not edit. The namespace must be there before.\n${role}`,
  }
}
