/** What CloudFront's own service model says of each operation: where it is called, what it takes, answers and refuses. */
import { ERROR_STATUS, OPERATIONS, SHAPES } from './cloudfront.ts'
import type { Member } from './types.ts'

/** Errors of any operation, which the model does not repeat: from the API's reference, "Common errors". */
const COMMON_ERRORS: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  InternalError: 500,
  MalformedXML: 400,
  NotImplemented: 501,
  ServiceUnavailable: 503,
  Throttling: 400,
}

/** Where an operation is called. `when` tells apart those that differ by their query only. */
export type OperationPattern = {
  operation: string
  method: string
  path: RegExp
  when: (query: URLSearchParams) => boolean
}

/** All operations; those that also name a query come first, since without it they are other ones. */
export const OPERATION_PATTERNS: readonly OperationPattern[] = Object.entries(OPERATIONS)
  .toSorted(([, a], [, b]) => Number(b.path.includes('?')) - Number(a.path.includes('?')))
  .map(([operation, { method, path }]) => {
    const [bare = '', query = ''] = path.split('?')
    const wanted = [...new URLSearchParams(query)]
    return {
      operation,
      method,
      path: new RegExp(`^${bare.replaceAll(/\{\w+\}/g, '([^/]+)')}$`),
      when: (given) =>
        wanted.every(([name, value]) => (value === '' ? given.has(name) : given.get(name) === value)),
    }
  })

/** The shapes of all inputs. */
export const OPERATION_INPUTS: readonly string[] = Object.values(OPERATIONS)
  .map(({ input }) => input)
  .filter((input) => input !== undefined)

/** The members of an operation's input or output, by their names. */
export function membersOf(shape: string | undefined): Readonly<Record<string, Member>> {
  const found = shape === undefined ? undefined : SHAPES[shape]
  return found !== undefined && 'members' in found ? found.members : {}
}

/** The body of an input or output: the name of its root element and its shape; undefined where there is none. */
export function payloadOf(
  shape: string | undefined,
): { root: string; type: string; required: boolean } | undefined {
  const entries = Object.entries(membersOf(shape))
  const payload = entries.find(([, member]) => member.in === 'Payload')
  if (payload !== undefined) {
    const [name, { name: root = name, type, required = false }] = payload
    return { root, type, required }
  }
  // Without a payload member, the elements stand in a document that has the name of the shape.
  const inBody = entries.some(([, member]) => member.in === undefined)
  return inBody && shape !== undefined ? { root: shape, type: shape, required: true } : undefined
}

/** The headers of an answer under all names by which the model's output reads them: UpdateFunction has "ETtag". */
export function answerHeaders(
  operation: string,
  headers: Readonly<Record<string, string>>,
): Record<string, string> {
  const members = Object.entries(membersOf(OPERATIONS[operation]?.output))
  const renamed = members
    .filter(([, member]) => member.in === 'Header')
    .map(([name, member]) => [(member.name ?? name).toLowerCase(), headers[name.toLowerCase()]] as const)
    .filter((pair): pair is readonly [string, string] => pair[1] !== undefined)
  return { ...headers, ...Object.fromEntries(renamed) }
}

/** Whether the operation is guarded by a version. The model calls the header optional, and the service does not. */
export function needsIfMatch(operation: string): boolean {
  const { input, errors = [] } = OPERATIONS[operation] ?? {}
  return 'IfMatch' in membersOf(input) && errors.includes('InvalidIfMatchVersion')
}

/** Whether the operation may answer with this code. */
export function mayAnswer(operation: string, code: string): boolean {
  return code in COMMON_ERRORS || (OPERATIONS[operation]?.errors.includes(code) ?? false)
}

/** The HTTP status of an error code; undefined for one that CloudFront does not have. */
export function errorStatus(code: string): number | undefined {
  return ERROR_STATUS[code] ?? COMMON_ERRORS[code]
}
