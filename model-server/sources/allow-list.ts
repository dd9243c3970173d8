/** From where models may be loaded by request: texts that a location has to lie below. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeLocation } from './location.ts'
import type { ModelLocation } from './location.ts'

/** The beginning of `describeLocation` of everything that is allowed. */
export type AllowedPrefix = string

const EXPECTED =
  'expected a folder, or the beginning of a file:, http:, https:, s3: or mlflow: URL without a query'

/**
 * @param base the folder from which relative paths go out
 * @throws Error naming what was expected
 */
export function parseAllowedPrefix(text: string, base: string): AllowedPrefix {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return resolve(base, text)
  if (text.startsWith('mlflow:')) return mlflowPrefix(text)
  if (!URL.canParse(text)) throw new Error(`${EXPECTED}, got '${text}'`)

  const url = new URL(text)
  if (url.username !== '' || url.password !== '') throw new Error('must not hold a user name or password')
  if (url.search !== '' || url.hash !== '') throw new Error(`${EXPECTED}, got '${text}'`)
  switch (url.protocol) {
    case 'file:':
      return resolve(fileURLToPath(url))
    case 'http:':
    case 'https:':
      return `${url.origin}${url.pathname}`
    case 's3:':
      return `s3://${url.host}${decodeURIComponent(url.pathname)}`
    default:
      throw new Error(`${EXPECTED}, got '${text}'`)
  }
}

/** Whether a location is one of those, or lies below one: a prefix ends where a part of a path ends. */
export function isAllowed(location: ModelLocation, prefixes: readonly AllowedPrefix[]): boolean {
  // A server may take an encoded slash for a slash, and so leave the folder.
  if (location.type === 'Http' && /%2f|%5c/i.test(location.url.pathname)) return false
  // To S3 dots are names like any other; what stands before another store may leave the folder by them.
  if (location.type === 'S3' && location.key.split('/').some((part) => /^\.{1,2}$/.test(part))) return false
  const where = describeLocation(location.type === 'S3' ? { ...location, versionId: undefined } : location)
  return prefixes.some((prefix) => {
    if (!where.startsWith(prefix)) return false
    return where === prefix || prefix.endsWith('/') || /^[/@]/.test(where.slice(prefix.length))
  })
}

function mlflowPrefix(text: string): AllowedPrefix {
  const rest = /^mlflow:\/{0,2}models:\/(?<rest>[^?#]*)$/.exec(text)?.groups?.rest
  if (rest === undefined) throw new Error(`expected mlflow:/models:/ or mlflow:/models:/NAME, got '${text}'`)
  return `mlflow:/models:/${rest}`
}
