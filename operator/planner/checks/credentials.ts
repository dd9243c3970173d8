/** Headers whose value stands in a Secret: what may be wrong with the reference, and with what it leads to. */
import { distributionField, distributionOf, type Gate, type Request, type Spec } from '../../api/release.ts'

export type Header = NonNullable<Request['headers']>[number]
export type SecretKeyRef = NonNullable<Header['valueFrom']>['secretKeyRef']

/** Headers under the name that messages have for where they stand. */
export interface HeadersOf {
  field: string
  headers: readonly Header[]
}

/** Data of a Secret as the API has it: base64 by key. */
export type SecretData = Readonly<Record<string, string>>

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
/** https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data; apimachinery's IsConfigMapKey. */
const KEY = /^([-_a-zA-Z0-9]|\.[-_a-zA-Z0-9])[-._a-zA-Z0-9]*$/
const LONGEST_NAME = 253
/** What most servers take as one header: nginx 8 KiB, Apache 8,190 bytes. */
const LONGEST_VALUE = 8190

export function fieldOfGate(name: string): string {
  return `spec.gates "${name}"`
}

/** The headers of a request that stand in Secrets; undefined where none does. */
export function referringHeaders(
  field: string,
  { headers = [] }: Pick<Request, 'headers'>,
): HeadersOf | undefined {
  return headers.some(({ valueFrom }) => valueFrom) ? { field, headers } : undefined
}

/** The same of `verify`. */
export function referringVerify(spec: Spec): HeadersOf | undefined {
  const verify = distributionOf(spec)?.verify
  if (!verify || verify.type === 'DeployedOnly') return undefined
  return referringHeaders(`${distributionField(spec)}.verify`, verify)
}

/** Everything for which a Secret will be read when these gates, and what the spec says of the edges, are asked. */
export function referringIn(gates: readonly Gate[], spec: Spec): HeadersOf[] {
  const verify = referringVerify(spec)
  return [
    ...gates.flatMap(({ name, smoke }) => referringHeaders(fieldOfGate(name), smoke.request) ?? []),
    ...(verify ? [verify] : []),
  ]
}

/** What the schema of an older API server does not refuse. */
export function headerProblems(spec: Spec): string[] {
  const verify = distributionOf(spec)?.verify
  return [
    ...(spec.gates ?? []).map(({ name, smoke }) => ({
      field: fieldOfGate(name),
      headers: smoke.request.headers,
    })),
    ...(verify ? [{ field: `${distributionField(spec)}.verify`, headers: verify.headers }] : []),
  ].flatMap(({ field, headers = [] }) =>
    headers.flatMap((header) => {
      const problem = headerProblem(header)
      return problem === undefined ? [] : [`${field}: header "${header.name}" ${problem}`]
    }),
  )
}

function headerProblem({ name, value, valueFrom }: Header): string | undefined {
  if ((value === undefined) === (valueFrom === undefined))
    return `must have exactly one of value and valueFrom: value for what everybody may read, valueFrom.secretKeyRef for a credential`
  if (!valueFrom) return undefined
  if (name.toLowerCase() === 'host')
    return 'is no credential, and is needed to find the origin: give it by value'
  return referenceProblem(valueFrom.secretKeyRef)
}

function referenceProblem(reference: Partial<SecretKeyRef> = {}): string | undefined {
  const { name = '', key = '' } = reference
  if (name.length > LONGEST_NAME || !NAME.test(name))
    return `has the valueFrom.secretKeyRef.name "${name}", which is no name of a Secret: write it like gate-token`
  if (key.length > LONGEST_NAME || !KEY.test(key))
    return `has the valueFrom.secretKeyRef.key "${key}", which is no key of a Secret: write it like authorization`
  return undefined
}

/** A value that may be sent, or why there is none: what is wrong, and what to do. The value itself is in no problem. */
export type Opened = { value: string } | { problem: string }

/** What stands in a Secret, for one header. `data` is undefined where there is no such Secret. */
export function openedValue(
  { name, key }: SecretKeyRef,
  namespace: string,
  data: SecretData | undefined,
): Opened {
  const what = `Secret ${namespace}/${name}`
  if (!data)
    return {
      problem: `${what} is not there: create it with the key "${key}", or correct valueFrom.secretKeyRef.name`,
    }
  const encoded = Object.hasOwn(data, key) ? data[key] : undefined
  if (encoded === undefined)
    return { problem: `${what} has no key "${key}": add it, or correct valueFrom.secretKeyRef.key` }
  const value = Buffer.from(encoded, 'base64').toString('latin1')
  const fault = valueFault(value)
  return fault === undefined ? { value } : { problem: `the key "${key}" of ${what} ${fault}` }
}

function valueFault(value: string): string | undefined {
  if (value === '') return 'is empty: put the value of the header there'
  if (/[\r\n]/.test(value))
    return 'holds a line break, which no header may: store the value without it (printf and not echo, or kubectl create secret generic --from-literal)'
  if (value.trim() !== value)
    return 'begins or ends with white space, which servers cut off: store the value without it'
  // RFC 9110, 5.5: field-vchar without obs-text.
  if (/[^\t\x20-\x7E]/.test(value))
    return 'holds characters that no header may: store printable ASCII, for example in base64'
  if (value.length > LONGEST_VALUE)
    return `is ${value.length} characters long, and servers take ${LONGEST_VALUE}: store the value of one header`
  return undefined
}
