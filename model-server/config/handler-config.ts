/** The settings of a handler; see docs/model-server/handlers.md. */
import { availableParallelism, tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { MAX_INT32, digest, got, integer, text } from './values.ts'
import type { Read } from './values.ts'

/** Which module works before and after the model, and what it may take. */
export type HandlerConfig = {
  /** Of the module; absolute. */
  path: string
  /** Lower-case hex; undefined accepts any bytes, and the digest is reported. */
  sha256: string | undefined
  /** For the module itself. */
  settings: Readonly<Record<string, unknown>>
  /** Requests that are worked on at a time, each in a thread of its own. */
  threads: number
  /** Requests that may wait for a thread. */
  maxQueue: number
  maxUploadBytes: number
  /** Must exist, and be writable where the handler takes files. */
  uploadFolder: string
  /** For its self-test. */
  timeoutMs: number
  /** PATH, for the programs that it starts. */
  programPath: string
}

const MIB = 2 ** 20
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Each thread is some 10 MiB, and each request with a file one file. */
const DEFAULT_MOST_THREADS = 4

/** Undefined where there is no handler, and no setting of one. */
export function readHandler(read: Read<string>, timeoutMs: number): HandlerConfig | undefined {
  const path = read('HANDLER', text)
  const config = {
    sha256: read('HANDLER_SHA256', digest),
    settings: read('HANDLER_SETTINGS', jsonObject),
    threads: read('HANDLER_THREADS', integer(Math.min(availableParallelism(), DEFAULT_MOST_THREADS), 1, 256)),
    maxQueue: read('HANDLER_MAX_QUEUE', integer(16, 0, 100_000)),
    maxUploadBytes: read('MAX_UPLOAD_BYTES', integer(64 * MIB, 1, MAX_INT32)),
    uploadFolder: read('TMPDIR', text) ?? tmpdir(),
    timeoutMs,
    programPath: read('PATH', text) ?? DEFAULT_PATH,
  }
  return path === undefined ? undefined : { path: resolve(path), ...config }
}

function jsonObject(value: unknown): Readonly<Record<string, unknown>> {
  if (value === undefined) return {}
  const parsed = typeof value === 'string' ? parse(value) : value
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
    return parsed as Record<string, unknown>
  throw new Error(`expected a JSON object, ${got(value)}`)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json) as unknown
  } catch (error) {
    throw new Error(`expected a JSON object: ${(error as Error).message}`, { cause: error })
  }
}
