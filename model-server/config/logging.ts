/** What is written of each request, beside what is counted. */
import { resolve } from 'node:path'
import { got, integer, oneOf, text } from './values.ts'
import type { Parse, Read } from './values.ts'

/**
 * Which requests get a line: `requests` leaves out GETs that went well (probes, scrapes, pages) or came before the model was
 * ready (probes), `errors` is only what was answered with 400 and more, or not at all, without those probes.
 */
export type AccessLogMode = (typeof MODES)[number]

/** Bodies of some of the requests and of their answers, as lines of JSON. */
export type PayloadLogConfig = {
  /** A file, or undefined for standard output. */
  path: string | undefined
  /** The part of the requests that is written, from above 0 to 1. */
  sample: number
  /** Names of fields whose values are replaced, at any depth, in lower case. */
  redact: readonly string[]
  /** The file begins anew when it has grown to this; the one before is kept beside it. */
  maxFileBytes: number
  /** Longer bodies are left out of their line. */
  maxBodyBytes: number
}

/** Of all models. */
export type LoggingConfig = { access: AccessLogMode; payload: PayloadLogConfig | undefined }

const MODES = ['all', 'requests', 'errors', 'off'] as const
const MIB = 2 ** 20
const GIB = 2 ** 30

/** Reads what concerns the logs; every problem is noted by `read`. */
export function readLogging(read: Read<string>): LoggingConfig {
  const destination = read('PAYLOAD_LOG', text)
  const payload: PayloadLogConfig = {
    path: destination === undefined || destination === 'stdout' ? undefined : resolve(destination),
    sample: read('PAYLOAD_LOG_SAMPLE', share(0.01)),
    redact: read('PAYLOAD_LOG_REDACT', fieldNames),
    maxFileBytes: read('PAYLOAD_LOG_MAX_FILE_BYTES', integer(64 * MIB, MIB, GIB)),
    maxBodyBytes: read('PAYLOAD_LOG_MAX_BODY_BYTES', integer(64 * 1024, 1, MIB)),
  }
  return {
    access: read('ACCESS_LOG', oneOf(MODES, 'requests')),
    payload: destination === undefined ? undefined : payload,
  }
}

function share(fallback: number): Parse<number> {
  return (value) => {
    if (value === undefined) return fallback
    const number = typeof value === 'string' ? Number(value) : NaN
    if (number > 0 && number <= 1) return number
    throw new Error(`expected a number above 0 and at most 1, ${got(value)}`)
  }
}

function fieldNames(value: unknown): string[] {
  const names = (text(value) ?? '').split(',').map((name) => name.trim().toLowerCase())
  return names.filter((name) => name !== '')
}
