/** Reading request bodies: whole, bounded, inflated where they were compressed. */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Readable, Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import type { Gunzip } from 'node:zlib'
import type { HeldBytes } from './body-budget.ts'
import { checkJsonBounds } from './json-bounds.ts'
import { RequestError } from './request-error.ts'
import { wantBody } from './unread-body.ts'
import { Whole } from './whole.ts'

const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const

/**
 * Refuse by the headers alone what is certain to be too long.
 * @throws RequestError 413
 */
export function checkContentLength(request: IncomingMessage, maxBytes: number): void {
  const length = Number(request.headers['content-length'] ?? 0)
  if (length > maxBytes) throw tooLong(maxBytes, `${length}`)
}

/**
 * The body, inflated; not a copy where it came in one piece.
 * @param alignAt the byte that shall lie where numbers of any size may begin, so that nobody has to copy what begins there; only
 * a wish, which is granted to bodies of many pieces
 * @param held what holds room for it, if anything does
 * @throws RequestError 413 beyond `maxBytes`, also after inflation; 503 where there is no room; 415 for an encoding that we do not know; 400 where it breaks off
 */
export function readBody(
  request: IncomingMessage,
  maxBytes: number,
  { alignAt = 0, held }: { alignAt?: number | undefined; held?: HeldBytes } = {},
): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.toLowerCase()
  if (encoding === undefined || encoding === 'identity') {
    wantBody(request)
    return collect(request, { maxBytes, held }, new Whole(request.headers['content-length'], alignAt))
  }
  if (Object.hasOwn(DECODERS, encoding))
    return inflate(request, DECODERS[encoding as keyof typeof DECODERS](), { maxBytes, held })
  throw new RequestError(
    415,
    `content-encoding: expected one of identity, ${Object.keys(DECODERS).join(', ')}, got '${encoding}'`,
  )
}

async function inflate(
  request: IncomingMessage,
  decoder: Transform & Pick<Gunzip, 'bytesWritten'>,
  limits: Limits,
): Promise<Buffer> {
  wantBody(request)
  request.pipe(decoder)
  const breakOff = (): void => {
    if (!request.readableEnded) decoder.destroy(new Error('it broke off'))
  }
  request.once('close', breakOff)
  try {
    const isBomb = (length: number): boolean =>
      length > INFLATED_BYTES && length > MAX_INFLATION * decoder.bytesWritten
    return await collect(decoder, { ...limits, isBomb }, new Whole(undefined, 0))
  } finally {
    request.off('close', breakOff)
    request.unpipe(decoder)
    // Whatever is left would only be inflated to be dropped.
    decoder.destroy()
  }
}

/** Of text that somebody wrote, or of numbers that somebody measured, no compression makes so little. */
const MAX_INFLATION = 256
/** Up to this nobody looks: zeros are small whoever sends them. */
const INFLATED_BYTES = 2 ** 20

/** How long a body may be, and what holds room for it. */
type Limits = {
  maxBytes: number
  held: HeldBytes | undefined
  /** Whether so much is more than what came may become. */
  isBomb?: (length: number) => boolean
}

function collect(source: Readable, { maxBytes, held, isBomb }: Limits, whole: Whole): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const add = (chunk: Buffer): void => {
      try {
        held?.take(chunk.length)
        whole.add(chunk)
        if (whole.length > maxBytes) throw tooLong(maxBytes, 'more')
        if (isBomb?.(whole.length)) throw inflatesTooFar()
      } catch (error) {
        whole.clear()
        source.off('data', add)
        if (!(error instanceof RequestError)) throw error
        reject(error)
      }
    }
    source.on('data', add)
    source.on('end', () => {
      resolve(whole.bytes())
    })
    source.on('error', (cause) => {
      reject(new RequestError(400, `the body: ${cause.message}`, { cause }))
    })
    source.on('close', () => {
      if (!source.readableEnded) reject(new RequestError(400, 'the body: it broke off'))
    })
  })
}

/**
 * A body as JSON.
 * @throws RequestError 400 with the parser's words
 */
export function parseJson(body: Buffer, parse: (text: string) => unknown = JSON.parse): unknown {
  if (body.length === 0) throw new RequestError(400, 'the body: expected JSON, got nothing')
  checkJsonBounds(body)
  // A byte order mark is no part of JSON, but some editors and .NET write it.
  const text = body.toString('utf8', body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0)
  // Decoding replaces what is no UTF-8, and the model would get text that nobody sent.
  if (text.includes('\ufffd') && !isUtf8(body)) {
    throw new RequestError(400, 'the body: expected JSON in UTF-8, got other bytes')
  }
  try {
    return parse(text)
  } catch (cause) {
    const quoted = quoteSpecialFloats(text)
    if (quoted === undefined) throw notJson(cause)
    try {
      return parse(quoted)
    } catch (error) {
      throw notJson(error)
    }
  }
}

function notJson(cause: unknown): RequestError {
  return new RequestError(400, `the body: expected JSON: ${(cause as Error).message}`, { cause })
}

/** A text of JSON, which is left as it is, or one of the words that Python's json writes for what JSON has no numbers for. */
const TEXT_OR_SPECIAL_FLOAT = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\bInfinity\b|\bNaN\b/g

/** NaN and infinities as texts, which stand for them where a model takes floats; undefined where there are none. */
function quoteSpecialFloats(text: string): string | undefined {
  if (!/NaN|Infinity/.test(text)) return undefined
  const quoted = text.replace(TEXT_OR_SPECIAL_FLOAT, (word) => (word.startsWith('"') ? word : `"${word}"`))
  return quoted === text ? undefined : quoted
}

function tooLong(maxBytes: number, got: string): RequestError {
  return new RequestError(413, `the body: expected at most ${maxBytes} bytes (MAX_BODY_BYTES), got ${got}`)
}

function inflatesTooFar(): RequestError {
  return new RequestError(
    413,
    `the body: expected at most ${MAX_INFLATION} times its compressed bytes, got more; send it as it is`,
  )
}
