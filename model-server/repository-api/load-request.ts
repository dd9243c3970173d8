/** Bodies of the repository extension of V2 (Triton's docs/protocol/extension_model_repository.md). */
import type { RepositoryApiConfig } from '../config/config.ts'
import type { ModelConfig } from '../config/model-config.ts'
import { columnNames, digest, pathName, required, text } from '../config/values.ts'
import type { Parse } from '../config/values.ts'
import { warmUpSamples } from '../config/warm-up.ts'
import { RequestError } from '../http/request-error.ts'
import type { Repository } from '../models/repository.ts'
import { objectAt } from '../protocols/json-value.ts'
import { isAllowed } from '../sources/allow-list.ts'
import { describeLocation, parseLocation } from '../sources/location.ts'
import type { ModelLocation } from '../sources/location.ts'
import { shown } from '../tensor/tensor-json.ts'

const PARAMETERS = ['version', 'uri', 'sha256', 'columns', 'warmUp']

type Parameters = Readonly<Record<string, unknown>>

/**
 * What a load asks for: each version of the model as it is configured, or one version, from where the configuration or `uri`
 * says. Columns and settings of the model stay; samples do too, but not what another version answered to them.
 * @throws RequestError 400, 403 for a place that is not allowed, 404 where nothing says from where
 */
export function loadRequest(
  model: string,
  body: unknown,
  { repository, api }: { repository: Repository; api: RepositoryApiConfig },
): ModelConfig[] {
  const parameters = parametersOf(body, PARAMETERS)
  const name = parsed('the name of the model', required(pathName, ''), model)
  const version = parameterOf(parameters, 'version', pathName)
  const uri = parameterOf(parameters, 'uri', text)
  const known = repository.versions(name)
  if (uri === undefined) {
    const asked = known.filter((slot) => version === undefined || slot.version === version)
    if (asked.length > 0) return asked.map(({ config }) => ({ ...config, ...changes(parameters) }))
    throw new RequestError(
      404,
      `unknown model: expected one that is configured or parameters.uri, got '${name}'`,
    )
  }
  if (version === undefined) throw new RequestError(400, 'parameters.version: is required with a uri')

  const same = known.find((slot) => slot.version === version)
  const like = same ?? known[0]
  return [
    {
      ...(like?.config ?? { ...api.serving, columns: undefined }),
      name,
      version,
      isDefault: same?.config.isDefault ?? false,
      location: allowedLocation(uri, api),
      sha256: undefined,
      warmUp: (like?.config.warmUp ?? []).map((sample) => ({ ...sample, expect: undefined })),
      driftReference: undefined,
      ...changes(parameters),
    },
  ]
}

/** @throws RequestError 404 where nothing of that name and version is there */
export function unloadRequest(model: string, body: unknown, repository: Repository): ModelSlots {
  const version = parameterOf(parametersOf(body, ['version', 'unload_dependents']), 'version', pathName)
  if (version !== undefined) return [repository.find(model, version)]
  // For its refusal.
  repository.find(model)
  return repository.versions(model)
}

type ModelSlots = ReturnType<Repository['versions']>

/** Whether only models that are ready are asked for. */
export function indexRequest(body: unknown): boolean {
  const { ready = false } = objectAt('the body', body)
  if (typeof ready === 'boolean') return ready
  throw new RequestError(400, `ready: expected true or false, got ${shown(ready)}`)
}

function changes(parameters: Parameters): Partial<ModelConfig> {
  const sha256 = parameterOf(parameters, 'sha256', digest)
  const columns = parameterOf(parameters, 'columns', columnNames)
  return {
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(columns === undefined ? {} : { columns }),
    ...(parameters.warmUp === undefined ? {} : { warmUp: parameterOf(parameters, 'warmUp', warmUpSamples) }),
  }
}

function allowedLocation(uri: string, { allowed }: RepositoryApiConfig): ModelLocation {
  const location = parsed('parameters.uri', (value) => parseLocation(String(value), '/'), uri)
  if (isAllowed(location, allowed)) return location
  const where = allowed.length === 0 ? 'REPOSITORY_URIS allows none' : `allowed are ${allowed.join(', ')}`
  throw new RequestError(403, `parameters.uri: ${where}, got '${describeLocation(location)}'`)
}

// Files in the request would be a way to run any model here (Triton's `file:` parameters); others mean what we do not do.
function parametersOf(body: unknown, names: readonly string[]): Parameters {
  const { parameters = {} } = objectAt('the body', body)
  const given = objectAt('parameters', parameters)
  const other = Object.keys(given).find((name) => !names.includes(name))
  if (other === undefined) return given
  throw new RequestError(400, `parameters: expected some of ${names.join(', ')}, got ${shown(other)}`)
}

function parameterOf<T>(parameters: Parameters, name: string, parse: Parse<T>): T {
  return parsed(`parameters.${name}`, parse, parameters[name])
}

function parsed<T>(place: string, parse: Parse<T>, value: unknown): T {
  try {
    return parse(value)
  } catch (cause) {
    throw new RequestError(400, `${place}: ${(cause as Error).message}`, { cause })
  }
}
