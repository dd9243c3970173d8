/** The part of a Kubernetes structural schema that the project uses. */
export interface Schema {
  type?: string
  description?: string
  enum?: string[]
  required?: string[]
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema
  default?: unknown
  minimum?: number
  maximum?: number
  pattern?: string
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-validations'?: { rule: string; message: string }[]
}

type Row = { path: string; type: string; rules: string; description: string }

function rulesOf(schema: Schema, required: boolean): string {
  const rules: string[] = []
  if (required) rules.push('required')
  if (schema.enum) rules.push(`one of ${schema.enum.map((value) => `\`${value}\``).join(', ')}`)
  if (schema.minimum !== undefined && schema.maximum !== undefined)
    rules.push(`${schema.minimum} to ${schema.maximum}`)
  if (schema.pattern) rules.push(`\`${schema.pattern.replaceAll('|', '\\|')}\``)
  if (schema.default !== undefined) rules.push(`default \`${JSON.stringify(schema.default)}\``)
  return rules.join('; ')
}

function rowsOf(schema: Schema, path: string, required: boolean): Row[] {
  const own: Row = {
    path,
    type: schema.type ?? 'any JSON',
    rules: rulesOf(schema, required),
    description: schema.description ?? '',
  }
  const children = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    rowsOf(child, `${path}.${name}`, schema.required?.includes(name) ?? false),
  )
  if (!schema.items) return [own, ...children]
  const [item, ...rest] = rowsOf(schema.items, `${path}[]`, false)
  const inner = schema.items.properties || !item ? rest : [item, ...rest]
  return [own, ...children, ...inner]
}

function refusalsOf(schema: Schema, path: string): string[] {
  const own = (schema['x-kubernetes-validations'] ?? []).map((rule) => `- \`${path}\`: ${rule.message}`)
  const children = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    refusalsOf(child, `${path}.${name}`),
  )
  return [...own, ...children, ...(schema.items ? refusalsOf(schema.items, `${path}[]`) : [])]
}

function table(rows: Row[]): string {
  const lines = rows.map((row) => `| \`${row.path}\` | ${row.type} | ${row.rules} | ${row.description} |`)
  return ['| field | type | rules | meaning |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

/** docs/reference.md: every field of the API with its rules, from the CRD's schema. `source` is named in the banner. */
export function referenceOf(schema: Schema, source: string): string {
  const { spec = {}, status = {} } = schema.properties ?? {}
  return [
    `<!-- Generated from ${source} by npm run generate; do not edit. -->`,
    '# ModelRelease reference',
    '`modelrelease.io/v1alpha1`, short name `mr`. What the conditions mean: [conditions.md](conditions.md). What happens to bad input: [bad-input.md](bad-input.md).',
    '## spec',
    table(rowsOf(spec, 'spec', true)),
    '## Refused combinations',
    'Checked by the API server (CEL rules) and once more by the operator, which reports `Stalled`, `InvalidSpec` where the server is too old to know the rules.',
    refusalsOf(spec, 'spec').join('\n'),
    '## status',
    table(rowsOf(status, 'status', false)),
    '',
  ].join('\n\n')
}
