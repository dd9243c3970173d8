/** Objects of the API server as they are and as they become. */
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiClient } from '../operator/controller/api-client.ts'

/** An API object as it comes back. */
export type ApiObject = {
  metadata: {
    name: string
    namespace: string
    uid: string
    resourceVersion: string
    generation: number
    labels?: Record<string, string>
    annotations?: Record<string, string>
    deletionTimestamp?: string
    managedFields?: { time: string }[]
  }
}

export type Seen<T> = { type: 'Present' | 'Gone'; object: T }

type List<T> = { metadata: { resourceVersion: string }; items: T[] }
type WatchEvent<T> = { type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'ERROR' | 'BOOKMARK'; object: T }

const ROUND_SECONDS = 240

/**
 * Every object of a collection such as `/api/v1/namespaces/x/pods`, then each change, until the signal aborts. Objects
 * may come again unchanged: a watch that ends is followed by a new list. Throws what the API server refuses.
 */
export async function* follow<T extends ApiObject>(
  access: ApiClient,
  collection: string,
  signal: AbortSignal,
): AsyncGenerator<Seen<T>> {
  while (!signal.aborted) {
    const { status, body } = await access.request({ path: collection, signal })
    // Asked to come again, as for a moment after a definition was replaced.
    if (status === 429) {
      await sleep(1000, undefined, { signal })
      continue
    }
    if (status !== 200) throw new Error(`listing ${collection}: ${body.slice(0, 300)}`)
    const list = JSON.parse(body) as List<T>
    for (const object of list.items) yield { type: 'Present', object }
    yield* watch<T>(access, `${collection}${from(collection, list.metadata.resourceVersion)}`, signal)
  }
}

function from(collection: string, resourceVersion: string): string {
  return `${collection.includes('?') ? '&' : '?'}watch=1&timeoutSeconds=${ROUND_SECONDS}&resourceVersion=${resourceVersion}`
}

async function* watch<T>(access: ApiClient, path: string, signal: AbortSignal): AsyncGenerator<Seen<T>> {
  const stream = await access.stream({ path, signal })
  try {
    if (stream.statusCode !== 200) return
    for await (const line of createInterface({ input: stream })) {
      const event = JSON.parse(line) as WatchEvent<T>
      if (event.type === 'ERROR') return
      if (event.type !== 'BOOKMARK')
        yield { type: event.type === 'DELETED' ? 'Gone' : 'Present', object: event.object }
    }
  } finally {
    stream.destroy()
  }
}

/** Calls back with everything that follows, in the background; ends quietly with the signal, else reports its error. */
export function onEach<T extends ApiObject>(
  seen: AsyncGenerator<Seen<T>>,
  tell: (seen: Seen<T>) => void | Promise<void>,
  { signal, failed }: { signal: AbortSignal; failed: (error: Error) => void },
): void {
  const run = async (): Promise<void> => {
    for await (const one of seen) await tell(one)
  }
  run().catch((error: unknown) => {
    if (!signal.aborted) failed(error as Error)
  })
}
