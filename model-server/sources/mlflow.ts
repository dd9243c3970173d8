/** Models of MLflow's registry, over its REST API (mlflow/protos/model_registry.proto) and its proxy of artifacts. */
import type { MlflowConfig, S3Config } from '../config/sources-config.ts'
import { download } from './http.ts'
import type { ModelLocation } from './location.ts'
import { isBelow, readMlflowModel } from './mlflow-model.ts'
import { fetchObject } from './s3.ts'
import { ModelRefused } from './fetched-model.ts'
import type { FetchLimits, FetchedModel } from './fetched-model.ts'

/** A version of a registered model. */
export type MlflowLocation = Extract<ModelLocation, { type: 'Mlflow' }>

/** How the stores are reached. */
export type MlflowAccess = { mlflow: MlflowConfig; s3: S3Config }

/** Answers of the API, and MLmodel, are small; whatever is not is something else. */
const MAX_TEXT_BYTES = 2 ** 20

/** Gets one file of the model's folder. */
type GetFile = (path: string, maxBytes: number) => Promise<Buffer>

/**
 * The ONNX file of a version, and the columns of its signature.
 * @throws ModelRefused where it is no ONNX model or too large; anything else thrown may pass
 */
export async function fetchRegistered(
  { model, at }: MlflowLocation,
  limits: FetchLimits,
  access: MlflowAccess,
): Promise<FetchedModel> {
  const ask = (path: string, query: Record<string, string>): Promise<Record<string, unknown>> =>
    askApi(path, query, { limits, mlflow: access.mlflow })
  const version =
    at.type === 'Version'
      ? at.version
      : versionOf(await ask('registered-models/alias', { name: model, alias: at.alias }))
  const { artifact_uri: uri } = await ask('model-versions/get-download-uri', { name: model, version })
  if (typeof uri !== 'string') throw new Error('the registry answered without artifact_uri')

  const get = openFolder(uri, limits, access)
  const { path, columns } = readMlflowModel((await get('MLmodel', MAX_TEXT_BYTES)).toString())
  return {
    bytes: await get(path, limits.maxBytes),
    columns,
    found: `version ${version}, ${path} in ${shown(uri)}`,
  }
}

/** What the registry says of its folder is not trusted: it leads to no file of ours, and its token goes to nobody else. */
function openFolder(uri: string, { signal }: FetchLimits, { mlflow, s3 }: MlflowAccess): GetFile {
  if (!URL.canParse(uri)) throw keptElsewhere(uri)
  const { protocol, host, origin, pathname } = new URL(uri)
  const parts = partsOf(pathname)
  switch (protocol) {
    case 's3:':
      return (path, maxBytes) => {
        const key = [...parts, ...path.split('/')].join('/')
        return fetchObject({ type: 'S3', bucket: host, key, versionId: undefined }, { maxBytes, signal }, s3)
      }
    case 'http:':
    case 'https:':
      return (path, maxBytes) => download(below(origin, parts, path), { maxBytes, signal })
    case 'mlflow-artifacts:': {
      if (host !== '' && host !== new URL(mlflow.trackingUri).host) throw keptElsewhere(uri)
      const proxy = `${mlflow.trackingUri}/api/2.0/mlflow-artifacts/artifacts`
      const headers = authorization(mlflow)
      return (path, maxBytes) => download(below(proxy, parts, path), { maxBytes, signal, headers, refusalOf })
    }
    default:
      throw keptElsewhere(uri)
  }
}

function keptElsewhere(uri: string): ModelRefused {
  return new ModelRefused(
    `the registry keeps the model at '${shown(uri)}'; expected mlflow-artifacts: on its own host, s3:, http: or https: (mlflow server --serve-artifacts)`,
  )
}

/** Without user and query, which may be a key to the store. */
function shown(uri: string): string {
  return uri.replace(/[?#].*$/s, '').replace(/\/\/[^/]*@/, '//')
}

function partsOf(pathname: string): string[] {
  const path = decodeURIComponent(pathname).replace(/^\/+|\/+$/g, '')
  if (path === '' || isBelow(path)) return path.split('/').filter((part) => part !== '')
  throw new ModelRefused(`the registry keeps the model at '${pathname}', which is no plain path`)
}

function below(base: string, parts: readonly string[], path: string): URL {
  return new URL([base, ...[...parts, ...path.split('/')].map(encodeURIComponent)].join('/'))
}

async function askApi(
  path: string,
  query: Record<string, string>,
  { limits: { signal }, mlflow }: { limits: FetchLimits; mlflow: MlflowConfig },
): Promise<Record<string, unknown>> {
  const url = new URL(`${mlflow.trackingUri}/api/2.0/mlflow/${path}`)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const headers = authorization(mlflow)
  const body = await download(url, { maxBytes: MAX_TEXT_BYTES, signal, headers, refusalOf })
  return JSON.parse(body.toString()) as Record<string, unknown>
}

function versionOf({ model_version: found }: Record<string, unknown>): string {
  const { version } = (found ?? {}) as { version?: unknown }
  if (typeof version === 'string') return version
  throw new Error('the registry answered without a version for the alias')
}

function authorization(mlflow: MlflowConfig): Record<string, string> {
  return mlflow.authorization ? { authorization: mlflow.authorization.reveal() } : {}
}

/** MLflow says what is wrong as {error_code, message}; a proxy before it does not. */
async function refusalOf(response: Response): Promise<string | undefined> {
  const said = (await response.json().catch(() => undefined)) as
    { error_code?: string; message?: string } | undefined
  if (said?.error_code === undefined) return undefined
  return `${said.error_code}: ${said.message ?? ''}`.slice(0, 300)
}
