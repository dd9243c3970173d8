import { oneLine, shorten } from '../../api/text.ts'
import type { ApiStatus } from './objects.ts'
import { resourceText, type Place, type Resource, type Verb } from './resources.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'

/** What was asked of the API server. */
export interface Request {
  verb: Verb
  resource: Resource
  place: Place
}

/** Characters of one complaint that go into a status. */
const LONGEST = 500

/** What the API server calls a field, in the words of whoever wrote it. */
export type NameField = (field: string) => string

/** How a request reads in a message: `create deployments.apps models/housing-blue`. */
export function requestText({ verb, resource, place }: Request): string {
  return `${verb} ${resourceText(resource)} ${place.namespace}${place.name ? `/${place.name}` : ''}`
}

/**
 * The one translation of the API server's refusals.
 * 409, 404 and 410 mean that the world changed under us; 429, 5xx and a namespace on its way out pass by themselves;
 * 403 is the authorizer's (AccessDenied) or an admission's (InvalidSpec); 400, 413 and 422 are the spec's.
 */
export function translateStatus(
  request: Request,
  { status, body }: { status: number; body: string },
  nameField: NameField = (field) => field,
): Error {
  const said = statusOf(body)
  const message = shortened(said.message ?? `status ${status}`)
  const text = `${requestText(request)}: ${message}`
  const options = { cause: new Error(`status ${status} ${said.reason ?? ''}: ${message}`) }
  switch (status) {
    case 404:
    case 409:
    case 410:
      return new ConflictError(text, options)
    case 400:
    case 413:
    case 422:
      return new RefusedError('InvalidSpec', refusedFields(request, said, nameField), options)
    case 403:
      return forbidden(request, said, options)
    default:
      return new TransientError(text, options)
  }
}

/** No answer came: it may or may not have happened. */
export function translateFailure(request: Request, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new TransientError(`${requestText(request)}: no answer from the API server: ${reason}`, { cause })
}

function statusOf(body: string): ApiStatus {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed === 'object' && parsed !== null) return parsed
  } catch {
    // A proxy in between, or an unknown path, answers in plain text.
  }
  return body.trim() === '' ? {} : { message: shorten(body.trim(), LONGEST) }
}

function refusedFields(request: Request, said: ApiStatus, nameField: NameField): string {
  const causes = (said.details?.causes ?? []).filter((cause) => cause.field)
  const found = causes.map(
    (cause) => `${nameField(cause.field ?? '')}: ${shortened(cause.message ?? cause.reason ?? '')}`,
  )
  const what =
    found.length > 0 ? found.join('; ') : withNamedFields(shortened(said.message ?? 'refused'), nameField)
  return `${what} (the API server refused to ${requestText(request)})`
}

/** A refused patch is answered with the whole object. */
function shortened(message: string): string {
  return shorten(oneLine(message), LONGEST)
}

/** A strict decoding error names its fields in the text only: `unknown field "spec.template.spec.x"`. */
function withNamedFields(message: string, nameField: NameField): string {
  return message.replaceAll(
    /(unknown|duplicate) field "([^"]+)"/g,
    (_all, problem: string, field: string) => {
      return `${problem} field "${nameField(field)}"`
    },
  )
}

/** The authorizer and the admission plugins share status 403; only the authorizer's text says who cannot do what. */
function forbidden(request: Request, said: ApiStatus, options: ErrorOptions): Error {
  const message = shortened(said.message ?? 'forbidden')
  const text = `${requestText(request)}: ${message}`
  if (said.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating')) {
    return new TransientError(text, options)
  }
  const isRead = request.verb === 'get' || request.verb === 'list'
  if (isRead || / cannot [a-z]+ resource /.test(message)) {
    return new RefusedError('AccessDenied', accessText(request, message), options)
  }
  return new RefusedError(
    'InvalidSpec',
    `${text}: change the release so that the policy admits it, or have the policy changed`,
    options,
  )
}

function accessText({ verb, resource, place }: Request, message: string): string {
  return (
    `the operator may not ${verb} ${resourceText(resource)} in namespace ${place.namespace}: ` +
    `grant its ServiceAccount the verb "${verb}" on this resource, as manifests/base does (${message})`
  )
}
