/**
 * The Helm chart's templates out of manifests/base and manifests/monitoring: the same objects, with values in their places. An
 * edit whose place is not there any more ends the run.
 */
import { readFileSync } from 'node:fs'
import { CLUSTER_ROLE, edited, roleIn, withoutHeading, type Edit, type Files } from './manifests.ts'

const CHART = 'manifests/helm/modelrelease'

type Template = {
  from: string
  /** Condition without which nothing of it is rendered. */
  when?: string
  edits?: readonly Edit[]
}

/** Adds lines below the one that is `line`, in its depth. */
function below(line: string, ...lines: readonly string[]): Edit {
  const indent = /^ */.exec(line)?.[0] ?? ''
  return [`\n${line}\n`, `\n${[line, ...lines.map((one) => indent + one)].join('\n')}\n`]
}

const LABELS = '  labels: { app.kubernetes.io/name: modelrelease-operator }'
const MORE_LABELS = [
  '  labels:',
  '    app.kubernetes.io/name: modelrelease-operator',
  '    {{- with .Values.metrics.labels }}',
  '    {{- toYaml . | nindent 4 }}',
  '    {{- end }}',
].join('\n')
const NAMESPACE = 'namespace: {{ $.Release.Namespace | quote }}'

const DEPLOYMENT: readonly Edit[] = [
  ['replicas: 2', 'replicas: {{ .Values.replicas }}'],
  [
    'image: modelrelease/operator:dev',
    'image: {{ include "modelrelease.image" .Values.images.operator | quote }}',
  ],
  ['imagePullPolicy: IfNotPresent', 'imagePullPolicy: {{ .Values.imagePullPolicy }}'],
  [
    'value: modelrelease/model-server:dev\n',
    'value: {{ include "modelrelease.image" .Values.images.modelServer | quote }}\n            {{- include "modelrelease.settings" . | nindent 12 }}\n',
  ],
  [
    `
            requests: { cpu: 50m, memory: 160Mi }
            limits: { memory: 320Mi }
`,
    '\n            {{- toYaml .Values.resources | nindent 12 }}\n',
  ],
  below(
    '            capabilities: { drop: [ALL] }',
    '{{- include "modelrelease.allowListMount" . | nindent 10 }}',
  ),
  below(
    '      serviceAccountName: modelrelease-operator',
    '{{- with .Values.imagePullSecrets }}',
    'imagePullSecrets: {{- toYaml . | nindent 8 }}',
    '{{- end }}',
    ...['nodeSelector', 'tolerations', 'affinity'].flatMap((field) => [
      `{{- with .Values.${field} }}`,
      `${field}: {{- toYaml . | nindent 8 }}`,
      '{{- end }}',
    ]),
    '{{- include "modelrelease.allowListVolume" . | nindent 6 }}',
  ),
]

/** The files of the base by the names of their templates; the namespace is the one that Helm is told. */
const TEMPLATES: Record<string, Template> = {
  'crd.yaml': {
    from: 'crds/modelrelease.yaml',
    when: '.Values.crds.enabled',
    edits: [
      below(
        '  name: modelreleases.modelrelease.io',
        '{{- if .Values.crds.keep }}',
        'annotations: { helm.sh/resource-policy: keep }',
        '{{- end }}',
      ),
    ],
  },
  'service-account.yaml': {
    from: 'manifests/base/service-account.yaml',
    edits: [
      below(
        LABELS,
        '{{- with .Values.aws.roleArn }}',
        'annotations: { eks.amazonaws.com/role-arn: {{ . | quote }} }',
        '{{- end }}',
      ),
    ],
  },
  'role.yaml': { from: 'manifests/base/role.yaml' },
  'deployment.yaml': { from: 'manifests/base/deployment.yaml', edits: DEPLOYMENT },
  'network-policy.yaml': {
    from: 'manifests/base/network-policy.yaml',
    when: '.Values.networkPolicy.enabled',
  },
  'disruption-budget.yaml': { from: 'manifests/base/disruption-budget.yaml' },
  'user-roles.yaml': { from: 'manifests/base/user-roles.yaml' },
  'service-monitor.yaml': {
    from: 'manifests/monitoring/service-monitor.yaml',
    when: '.Values.metrics.serviceMonitor.enabled',
    edits: [
      below('  name: modelrelease-operator-metrics', NAMESPACE),
      below('  name: modelrelease-operator', NAMESPACE),
      [
        `\n  name: modelrelease-operator\n  ${NAMESPACE}\n${LABELS}`,
        `\n  name: modelrelease-operator\n  ${NAMESPACE}\n${MORE_LABELS}`,
      ],
    ],
  },
  'rules.yaml': {
    from: 'manifests/monitoring/rules.yaml',
    when: '.Values.metrics.rules.enabled',
    edits: [below('  name: modelrelease', NAMESPACE), [LABELS, MORE_LABELS]],
  },
}

function template({ from, when, edits = [] }: Template): string {
  // What is a template already, of Prometheus, is none of Helm's.
  const source = readFileSync(from, 'utf8').replaceAll('{{', '{{ "{{" }}')
  const text = inReleaseNamespace(edited(withoutHeading(source), edits))
  return banner(from) + (when === undefined ? text : `{{- if ${when} }}\n${text}{{- end }}\n`)
}

function inReleaseNamespace(text: string): string {
  return text.replaceAll('namespace: modelrelease-system', NAMESPACE)
}

function banner(from: string): string {
  return `{{- /* Generated from ${from} by npm run generate; do not edit. */ -}}\n`
}

/** Everywhere, or in each namespace that is named. */
function clusterRoleTemplate(): string {
  const source = readFileSync(CLUSTER_ROLE, 'utf8')
  return [
    `${banner(CLUSTER_ROLE)}{{- range .Values.watchNamespaces }}\n---\n`,
    inReleaseNamespace(roleIn('{{ . | quote }}', source)),
    '{{- else }}\n',
    inReleaseNamespace(withoutHeading(source)),
    '{{- end }}\n',
  ].join('')
}

/** @throws where what an edit looks for is not there. */
export function chartFiles(): Files {
  return {
    ...Object.fromEntries(
      Object.entries(TEMPLATES).map(([name, one]) => [`${CHART}/templates/${name}`, template(one)]),
    ),
    [`${CHART}/templates/cluster-role.yaml`]: clusterRoleTemplate(),
    // A chart reads no file beside it.
    [`${CHART}/dashboard.json`]: readFileSync('manifests/monitoring/dashboard.json', 'utf8'),
  }
}
