import { collect } from './collect.ts'
import { watchSilence } from './silence.ts'
import { storeError } from './fetched-model.ts'

/** What is asked for beside the URL. */
type Download = {
  maxBytes: number
  signal: AbortSignal
  headers?: Readonly<Record<string, string>>
  /** What the server says of itself where it refuses; nothing is taken from its body otherwise. */
  refusalOf?: (response: Response) => Promise<string | undefined>
}

/** The body behind a URL. Rejects with the server's status where it is not 2xx. */
export async function download(
  url: URL,
  { maxBytes, signal, headers, refusalOf }: Download,
): Promise<Buffer> {
  const silence = watchSilence(signal, hostOf(url))
  try {
    const response = await fetch(url, {
      signal: silence.signal,
      // The digest is that of the stored bytes; a compressed transfer gains nothing on weights.
      headers: { ...headers, 'accept-encoding': 'identity' },
    })
    if (!response.ok || !response.body) {
      const said = await refusalOf?.(response)
      // Leaving the body unread would hold the connection.
      if (!response.bodyUsed) await response.body?.cancel()
      throw storeError(
        response.status,
        `the server answered ${response.status} ${said ?? response.statusText}`.trim(),
      )
    }
    return await collect(response.body, maxBytes, silence.heard)
  } catch (error) {
    throw named(error, hostOf(url))
  } finally {
    silence.end()
  }
}

/** Host and port. */
function hostOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === 'http:' ? '80' : '443')}`
}

/** fetch says only "fetch failed"; what failed stands in the cause, which does not always say with whom. */
function named(error: unknown, host: string): unknown {
  if (!(error instanceof TypeError) || !(error.cause instanceof Error)) return error
  const { code, message } = error.cause as NodeJS.ErrnoException
  return new Error(`no answer from ${host}: ${message === '' ? String(code) : message}`, { cause: error })
}
