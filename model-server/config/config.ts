/** The only reader of the environment. All problems are reported at once. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ModelLocation } from '../sources/source.ts'

/** Everything the server takes from outside; see README.md for each variable. */
export type Config = {
  port: number
  release: Release
  /** At least one; the first answers where a route names none. */
  models: readonly ModelConfig[]
  maxBodyBytes: number
  /** From the headers of an inference request to its answer. */
  requestTimeoutMs: number
  drainDelayMs: number
  logLevel: LogLevel
}

/** Which release this process belongs to, as the operator set it; undefined outside a cluster. */
export type Release = {
  name: string | undefined
  color: 'blue' | 'green' | undefined
  revision: string | undefined
}

/** Which model to serve, from where, and what must be true of its bytes. */
export type ModelConfig = {
  name: string
  version: string
  location: ModelLocation
  /** Lower-case hex; undefined accepts any bytes, and the digest is reported. */
  sha256: string | undefined
  maxBytes: number
  /** Overrides the columns that the model itself names. */
  columns: readonly string[] | undefined
  /** Requests of the model that may be in the server at a time. */
  maxQueue: number
}

/** Levels of pino, plus silence. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The environment cannot be used; the message lists every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

type Environment = Readonly<Record<string, string | undefined>>

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const MIB = 2 ** 20
const MAX_INT32 = 2 ** 31 - 1

/**
 * Read and check the environment.
 * @throws ConfigError with all problems, each naming the variable, its value and the remedy
 */
export function readConfig(env: Environment = process.env): Config {
  const problems: string[] = []
  const read = <T>(variable: string, parse: (text: string | undefined) => T): T => {
    // Kubernetes manifests write an unset value as "".
    const text = env[variable]?.trim() === '' ? undefined : env[variable]?.trim()
    try {
      return parse(text)
    } catch (error) {
      problems.push(`${variable}: ${(error as Error).message}`)
      // Never seen: a config with problems is not returned.
      return undefined as T
    }
  }

  const config: Config = {
    port: read('PORT', integer(8080, 0, 65_535)),
    release: {
      name: read('MODELRELEASE_NAME', headerValue),
      color: read('MODELRELEASE_COLOR', color),
      revision: read('MODELRELEASE_REVISION', headerValue),
    },
    models: [
      {
        name: read('MODEL_NAME', modelName),
        version: read('MODEL_VERSION', (text) => modelName(text ?? '1')),
        location: read('MODEL_URI', parseLocation),
        sha256: read('MODEL_SHA256', digest),
        maxBytes: read('MODEL_MAX_BYTES', integer(512 * MIB, 1, MAX_INT32)),
        columns: read('MODEL_COLUMNS', (text) => (text === undefined ? undefined : parseColumns(text))),
        maxQueue: read('MAX_QUEUE', integer(256, 1, 100_000)),
      },
    ],
    maxBodyBytes: read('MAX_BODY_BYTES', integer(8 * MIB, 1, MAX_INT32)),
    requestTimeoutMs: read('REQUEST_TIMEOUT_MS', integer(30_000, 1, 600_000)),
    drainDelayMs: read('DRAIN_DELAY_MS', integer(5_000, 0, 600_000)),
    logLevel: read('LOG_LEVEL', logLevel),
  }
  if (problems.length > 0) throw new ConfigError(`invalid configuration:\n- ${problems.join('\n- ')}`)
  return config
}

/**
 * Names of columns in the order of the model's input, separated by commas.
 * @throws Error where a name is empty or given twice
 */
export function parseColumns(text: string): string[] {
  const columns = text.split(',').map((column) => column.trim())
  if (columns.includes('')) throw new Error(`expected names separated by commas, got '${text}'`)
  const twice = columns.find((column, index) => columns.indexOf(column) !== index)
  if (twice !== undefined) throw new Error(`column '${twice}' is named twice in '${text}'`)
  return columns
}

function parseLocation(text: string | undefined): ModelLocation {
  if (text === undefined) throw new Error('is required: a path, file:, http: or https: URL of an ONNX model')
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return { type: 'File', path: resolve(text) }
  if (!URL.canParse(text)) throw new Error(`'${text}' is not a URL; use a path, file:, http: or https:`)

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
    default:
      throw new Error(
        `the scheme '${url.protocol}' of '${text}' is not supported; use a path, file:, http: or https:`,
      )
  }
}

function integer(fallback: number, low: number, high: number): (text: string | undefined) => number {
  return (text) => {
    if (text === undefined) return fallback
    const value = /^\d+$/.test(text) ? Number(text) : NaN
    if (value >= low && value <= high) return value
    throw new Error(`expected an integer from ${low} to ${high}, got '${text}'`)
  }
}

function modelName(text: string | undefined): string {
  if (text === undefined) throw new Error('is required: the model answers under /v2/models/{MODEL_NAME}')
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text)) return text
  throw new Error(`expected letters, digits, '.', '_' and '-', at most 128, got '${text}'`)
}

function color(text: string | undefined): Release['color'] {
  if (text === undefined || text === 'blue' || text === 'green') return text
  throw new Error(`expected blue or green, got '${text}'`)
}

function headerValue(text: string | undefined): string | undefined {
  if (text === undefined || /^[\x21-\x7e]{1,253}$/.test(text)) return text
  throw new Error(`expected at most 253 visible ASCII characters, got '${text}'`)
}

function digest(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const hex = text.replace(/^sha256:/, '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return hex
  throw new Error(`expected 64 hexadecimal digits (sha256sum FILE prints them), got '${text}'`)
}

function logLevel(text: string | undefined): LogLevel {
  const level = LOG_LEVELS.find((candidate) => candidate === (text ?? 'info'))
  if (level) return level
  throw new Error(`expected one of ${LOG_LEVELS.join(', ')}, got '${String(text)}'`)
}
