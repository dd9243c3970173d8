/**
 * Writes `cloudfront.ts`, CloudFront's API as the SDK's package carries it: `npm run generate` calls this. The schemas
 * name operations, members, wire names and what is required; only the type declarations name the errors of an operation.
 */
import { readFileSync } from 'node:fs'
import * as sdk from '@aws-sdk/client-cloudfront'
import type { Member, Operation, Scalar, Shape } from './types.ts'

/** A schema of @smithy/core: a list whose first entry says what it is, or the number of a simple type. */
type Schema = readonly unknown[] | number | string | (() => Schema)
type Traits = Partial<Record<'xmlName' | 'httpHeader' | 'httpQuery', string>> &
  Partial<Record<'httpPayload' | 'http' | 'httpError', unknown>>

const OPERATION = 9
const STRUCTURE = 3
// Exactly one of its members; on the wire like a structure.
const UNION = 4
const LIST = 1
const SIMPLE = 0
const ERROR = -3
const SCALARS: Readonly<Record<number, Scalar>> = {
  0: 'String',
  1: 'Number',
  2: 'Boolean',
  4: 'Timestamp',
  21: 'Blob',
}
// Traits may be a set of bits instead of an object: a label of the path, or the payload.
const LABEL_BIT = 1
const PAYLOAD_BIT = 16

class Collector {
  readonly shapes = new Map<string, Shape>()

  /** The name of a schema's type; structures and lists on the way are written down. */
  typeOf(schema: Schema): string {
    const [, , name = '', , third] = listOf(schema) as [number, string, string?, unknown?, unknown?]
    switch (kindOf(schema)) {
      case STRUCTURE:
      case UNION:
        if (!this.shapes.has(name)) this.#addStructure(name, listOf(schema))
        return name
      case LIST: {
        if (this.shapes.has(name)) return name
        const [item, traits] = member(third as Schema)
        this.shapes.set(name, { item: traits.xmlName ?? 'member', type: '' })
        this.shapes.set(name, { item: traits.xmlName ?? 'member', type: this.typeOf(item) })
        return name
      }
      default:
        return scalarOf(schema)
    }
  }

  #addStructure(name: string, [, , , , names, schemas, required = 0]: readonly unknown[]): void {
    const members: Record<string, Member> = {}
    this.shapes.set(name, { members })
    for (const [index, memberName] of (names as string[]).entries()) {
      const [schema, traits, bits] = member((schemas as Schema[])[index] ?? 0)
      members[memberName] = {
        type: this.typeOf(schema),
        ...(index < (required as number) ? { required: true } : {}),
        ...placeOf(traits, bits, memberName),
      }
    }
  }
}

function placeOf(traits: Traits, bits: number, name: string): Partial<Member> {
  if (traits.httpHeader !== undefined) return { in: 'Header', name: traits.httpHeader }
  if (traits.httpQuery !== undefined) return { in: 'Query', name: traits.httpQuery }
  if (traits.httpPayload !== undefined || (bits & PAYLOAD_BIT) !== 0) {
    return { in: 'Payload', name: traits.xmlName ?? name }
  }
  if ((bits & LABEL_BIT) !== 0) return { in: 'Path' }
  return traits.xmlName === undefined ? {} : { name: traits.xmlName }
}

function listOf(schema: Schema): readonly unknown[] {
  const found = typeof schema === 'function' ? schema() : schema
  return Array.isArray(found) ? found : []
}

function kindOf(schema: Schema): unknown {
  return listOf(schema)[0]
}

/** A member is its schema, alone or with traits: an object, or bits. */
function member(schema: Schema): [Schema, Traits, number] {
  if (Array.isArray(schema) && schema.length === 2) {
    const [inner, traits] = schema as [Schema, Traits | number]
    return typeof traits === 'number' ? [inner, {}, traits] : [inner, traits, 0]
  }
  return [schema, {}, 0]
}

function scalarOf(schema: Schema): Scalar {
  const found = typeof schema === 'function' ? schema() : schema
  const code = Array.isArray(found) && found[0] === SIMPLE ? (found[4] as number) : found
  const scalar = SCALARS[code as number]
  if (scalar === undefined) throw new Error(`the SDK has a type that is not known here: ${String(code)}`)
  return scalar
}

/** The codes that a command's declaration names with @throws; the base class of all of them is not one. */
function errorsOf(operation: string): string[] {
  const url = new URL(
    `../dist-types/commands/${operation}Command.d.ts`,
    import.meta.resolve('@aws-sdk/client-cloudfront'),
  )
  const thrown = [
    ...readFileSync(url, 'utf8').matchAll(/@throws \{@link (\w+)\} \((?:client|server) fault\)/g),
  ]
  return thrown.map(([, code]) => code ?? '').sort()
}

function operationOf(collector: Collector, schema: readonly unknown[]): [string, Operation] {
  const [, , name, traits, input, output] = schema as [number, string, string, Traits, Schema, Schema]
  const [method, path, status] = traits.http as [string, string, number]
  const shape = (one: Schema): Partial<Record<'type', string>> =>
    kindOf(one) === STRUCTURE ? { type: collector.typeOf(one) } : {}
  const [given, answered] = [shape(input).type, shape(output).type]
  return [
    name,
    {
      method,
      path,
      status,
      ...(given === undefined ? {} : { input: given }),
      ...(answered === undefined ? {} : { output: answered }),
      errors: errorsOf(name),
    },
  ]
}

/** The text of `cloudfront.ts`: one line for each operation, shape and error. */
export function modelSource(): string {
  const schemas = Object.values(sdk as Record<string, unknown>).filter(Array.isArray)
  const collector = new Collector()
  const operations = schemas
    .filter(([kind]) => kind === OPERATION)
    .map((schema) => operationOf(collector, schema))
  const errors = schemas
    .filter(([kind]) => kind === ERROR)
    .map(([, , name, traits]): [string, unknown] => [name as string, (traits as Traits).httpError])
    // The base class of them all has no status.
    .filter(([, status]) => status !== undefined)
  return [
    '// Generated from @aws-sdk/client-cloudfront by `npm run generate`; do not edit.',
    "import type { Operation, Shape } from './types.ts'",
    ...table('OPERATIONS', 'Operation', operations),
    ...table('SHAPES', 'Shape', [...collector.shapes]),
    ...table('ERROR_STATUS', 'number', errors),
    '',
  ].join('\n')
}

function table(name: string, type: string, entries: readonly (readonly [string, unknown])[]): string[] {
  const lines = entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`)
  return ['', `export const ${name}: Readonly<Record<string, ${type}>> = {`, ...lines, '}']
}
