/** Where the bytes of a model are, as one text says it. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where a model's bytes are. */
export type ModelLocation =
  | { type: 'File'; path: string }
  | { type: 'Http'; url: URL }
  | { type: 'S3'; bucket: string; key: string; versionId: string | undefined }
  | { type: 'Mlflow'; model: string; at: MlflowPointer }

/** A version of a registered model: its number, or an alias that is looked up whenever the model is fetched. */
export type MlflowPointer = { type: 'Version'; version: string } | { type: 'Alias'; alias: string }

const EXPECTED = 'a path, or a file:, http:, https:, s3: or mlflow: URL'

/**
 * @param base the folder from which relative paths go out
 * @throws Error naming what was expected
 */
export function parseLocation(text: string, base: string): ModelLocation {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return { type: 'File', path: resolve(base, text) }
  if (text.startsWith('mlflow:')) return parseMlflow(text)
  if (!URL.canParse(text)) throw new Error(`'${text}' is not a URL; expected ${EXPECTED}`)

  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    throw new Error('must not hold a user name or password; they would show in every listing of the pod')
  }
  switch (url.protocol) {
    case 'file:':
      return { type: 'File', path: fileURLToPath(url) }
    case 'http:':
    case 'https:':
      return { type: 'Http', url }
    case 's3:':
      return parseS3(text, url)
    default:
      throw new Error(`the scheme '${url.protocol}' of '${text}' is not supported; expected ${EXPECTED}`)
  }
}

/** The location without its query, which may be a signature that opens the store to whoever reads the log. */
export function describeLocation(location: ModelLocation): string {
  switch (location.type) {
    case 'File':
      return location.path
    case 'Http':
      return `${location.url.origin}${location.url.pathname}`
    case 'S3': {
      const version = location.versionId === undefined ? '' : `?versionId=${location.versionId}`
      return `s3://${location.bucket}/${location.key}${version}`
    }
    case 'Mlflow':
      return location.at.type === 'Version'
        ? `mlflow:/models:/${location.model}/${location.at.version}`
        : `mlflow:/models:/${location.model}@${location.at.alias}`
  }
}

// A key may hold what a URL would decode, but for `?`, which starts the version, and `#`.
function parseS3(text: string, url: URL): ModelLocation {
  const key = decodeURIComponent(url.pathname.slice(1))
  const unknown = [...url.searchParams.keys()].find((name) => name !== 'versionId')
  if (url.hostname === '' || url.port !== '' || key === '' || url.hash !== '' || unknown !== undefined) {
    throw new Error(`expected s3://BUCKET/KEY or s3://BUCKET/KEY?versionId=ID, got '${text}'`)
  }
  return { type: 'S3', bucket: url.hostname, key, versionId: url.searchParams.get('versionId') ?? undefined }
}

// Names of registered models hold neither `/` nor `:` (mlflow/store/model_registry: _validate_model_name), aliases neither `@`.
const MLFLOW = /^mlflow:\/{0,2}models:\/(?<model>[^/:@?#]+)(?:\/(?<version>[1-9]\d*)|@(?<alias>[^/:@?#]+))$/

function parseMlflow(text: string): ModelLocation {
  const { model, version, alias } = MLFLOW.exec(text)?.groups ?? {}
  if (model !== undefined && version !== undefined) {
    return { type: 'Mlflow', model, at: { type: 'Version', version } }
  }
  if (model !== undefined && alias !== undefined) {
    return { type: 'Mlflow', model, at: { type: 'Alias', alias } }
  }
  throw new Error(`expected mlflow:/models:/NAME/VERSION or mlflow:/models:/NAME@ALIAS, got '${text}'`)
}
