/** Fetching the bytes of a model. */
import { createReadStream } from 'node:fs'
import { describeLocation } from './location.ts'
import type { ModelLocation } from './location.ts'

/** These bytes will not do, however often they are fetched. */
export class ModelRefused extends Error {
  override readonly name = 'ModelRefused'
}

/** A server that sends nothing for this long is given up; a slow one that keeps sending is not. */
const SILENCE_MS = 15_000

/**
 * The bytes at a location, in one buffer.
 * @throws ModelRefused where they are more than `maxBytes`; anything else thrown may pass, so that trying again can help
 */
export async function fetchModel(
  location: ModelLocation,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  switch (location.type) {
    case 'File':
      return collect(createReadStream(location.path, { signal }), maxBytes)
    case 'Http':
      return download(location.url, maxBytes, signal)
    case 'S3':
    case 'Mlflow':
      throw new ModelRefused(`models at ${describeLocation(location)} cannot be fetched yet`)
  }
}

async function download(url: URL, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const silence = new AbortController()
  const timer = setTimeout(() => {
    silence.abort(new Error(`no byte came for ${SILENCE_MS / 1000} s`))
  }, SILENCE_MS)
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, silence.signal]),
      // The digest is that of the stored bytes; a compressed transfer gains nothing on weights.
      headers: { 'accept-encoding': 'identity' },
    })
    if (!response.ok || !response.body) {
      // Leaving the body unread would hold the connection.
      await response.body?.cancel()
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trim())
    }
    return await collect(response.body, maxBytes, () => timer.refresh())
  } catch (error) {
    throw named(error)
  } finally {
    clearTimeout(timer)
  }
}

async function collect(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  onChunk: () => void = () => undefined,
): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    onChunk()
    size += chunk.length
    if (size > maxBytes) throw new ModelRefused(`the model is larger than MODEL_MAX_BYTES (${maxBytes})`)
    parts.push(chunk)
  }
  return Buffer.concat(parts, size)
}

/** fetch says only "fetch failed"; what failed stands in the cause. */
function named(error: unknown): unknown {
  if (!(error instanceof TypeError) || !(error.cause instanceof Error)) return error
  const { code } = error.cause as NodeJS.ErrnoException
  return new Error(error.cause.message === '' ? String(code) : error.cause.message, { cause: error })
}
