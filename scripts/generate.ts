/**
 * `npm run generate`: what is derived from the CRD, the one source of the API, from manifests/base, and from CloudFront's
 * service model.
 * With `--check` nothing is written; a file that would change fails the run.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { format } from 'prettier'
import { modelSource } from '../cloudfront-local/model/generate.ts'
import { cliPage } from '../cli/docs.ts'
import { faultsPage } from '../operator/test/e2e/aws-faults/table.ts'
import { badInputPage } from '../operator/test/e2e/bad-input-rows.ts'
import { chartFiles } from './chart.ts'
import { kustomizeFiles } from './manifests.ts'
import { errorsPage } from '../model-server/http/error-codes.ts'
import { referenceOf, type Schema } from './reference.ts'

type Crd = { spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] } }

const SOURCE = 'crds/modelrelease.yaml'
const BANNER = `// Generated from ${SOURCE} by \`npm run generate\`; do not edit.`

/** The API server fills these in, so whoever reads an object finds them. */
function defaultedOf(schema: Schema): string[] {
  return Object.entries(schema.properties ?? {})
    .filter(([, child]) => child.default !== undefined)
    .map(([name]) => name)
}

/** A JSON schema of what Kubernetes writes in its own dialect: closed objects, free-form ones marked as such. */
function jsonSchemaOf(schema: Schema): JSONSchema {
  const { properties, items, additionalProperties, ...rest } = schema
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true
  const result: Record<string, unknown> = { description: rest.description }
  if (!schema.type) result.tsType = 'unknown'
  if (schema.enum) result.enum = schema.enum
  if (schema.type) result.type = schema.type
  const required = new Set([...(schema.required ?? []), ...defaultedOf(schema)])
  if (required.size > 0) result.required = [...required]
  if (items) result.items = jsonSchemaOf(items)
  if (schema.type === 'object')
    result.additionalProperties = additionalProperties ? jsonSchemaOf(additionalProperties) : open
  if (properties)
    result.properties = Object.fromEntries(
      Object.entries(properties).map(([name, child]) => [name, jsonSchemaOf(child)]),
    )
  return result
}

async function typesOf(schema: Schema): Promise<string> {
  const { spec, status } = schema.properties ?? {}
  if (!spec || !status) throw new Error(`${SOURCE} has no spec or no status`)
  const parts = await Promise.all(
    [['ModelReleaseSpec', spec] as const, ['ModelReleaseStatus', status] as const].map(([name, part]) =>
      compile(jsonSchemaOf(part), name, { bannerComment: '', format: false }),
    ),
  )
  return `${BANNER}\n\n${parts.join('\n')}`
}

const source = readFileSync(SOURCE, 'utf8')
const crd = load(source) as Crd
const schema = crd.spec.versions[0].schema.openAPIV3Schema
const options = { semi: false, singleQuote: true, printWidth: 110 }
const outputs: Record<string, string> = {
  'cloudfront-local/model/cloudfront.ts': modelSource(),
  'operator/api/modelrelease.ts': await format(await typesOf(schema), { ...options, parser: 'typescript' }),
  'docs/bad-input.md': await format(badInputPage(), { ...options, parser: 'markdown' }),
  'docs/cli.md': await format(cliPage(), { ...options, parser: 'markdown' }),
  'docs/model-server/errors.md': await format(errorsPage(), { ...options, parser: 'markdown' }),
  'docs/faults.md': await format(faultsPage(), { ...options, parser: 'markdown' }),
  // A copy, because the kustomize of kubectl 1.20, which Debian 12 has, takes files of its own folder only.
  'manifests/base/crd.yaml': source.replace(
    /^(#.*\n)+/,
    `# Generated from ${SOURCE} by npm run generate; do not edit.\n`,
  ),
  ...kustomizeFiles(),
  ...chartFiles(),
  'docs/reference.md': await format(referenceOf(schema, SOURCE), { ...options, parser: 'markdown' }),
}

function currentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

const checking = process.argv.includes('--check')
for (const [path, text] of Object.entries(outputs)) {
  if (currentOf(path) === text) continue
  if (checking) {
    console.error(`${path} is not what its source says: run npm run generate`)
    process.exitCode = 1
  } else {
    writeFileSync(path, text)
    console.log(`wrote ${path}`)
  }
}
