/** One release as it is and as it becomes, whatever happens on the way: an endless row of sightings. */
import { createInterface } from 'node:readline'
import { GROUP, PLURAL, VERSION } from '../../operator/api/names.ts'
import type { ApiClient, ApiAnswer } from '../../operator/controller/api-client.ts'
import { apiError } from '../../operator/controller/api-client.ts'
import type { Io } from '../io.ts'
import type { Sighting } from '../follow/follower.ts'
import { isAboutObject, pathOf, type Place, type ReleaseObject } from './releases.ts'

/** A watch is ended and the release read anew after so long, so that a connection that has died unnoticed costs no more. */
const ROUND_MS = 45_000
const READ_TIMEOUT_MS = 10_000
/** Between two reads where nothing may be watched, or a watch ends at once. */
const POLL_MS = 2_000
const LONGEST_BACKOFF_MS = 5_000

export type WatchOptions = {
  access: ApiClient
  place: Place
  io: Pick<Io, 'now' | 'sleep'>
  signal: AbortSignal
  roundMs?: number
}

/** Ends only with the signal. Every round begins with a read that no cache answers. */
export async function* watchRelease(options: WatchOptions): AsyncGenerator<Sighting> {
  const { io, signal } = options
  const isOver = (): boolean => signal.aborted
  let failures = 0
  while (!isOver()) {
    const seen = await read(options)
    if (isOver()) return
    yield seen
    const began = io.now()
    if (seen.type === 'Release') yield* changes(options, seen.release.metadata.resourceVersion)
    failures = seen.type === 'Release' ? 0 : failures + 1
    const pauseMs =
      failures === 0 ? POLL_MS - (io.now() - began) : Math.min(LONGEST_BACKOFF_MS, 500 * 2 ** failures)
    if (pauseMs > 0) await io.sleep(pauseMs, signal)
  }
}

async function read({ access, place, io, signal }: WatchOptions): Promise<Sighting> {
  try {
    const answer = await access.request({ path: pathOf(place), timeoutMs: READ_TIMEOUT_MS, signal })
    return sightingOf(answer, io.now())
  } catch (error) {
    return { type: 'Unreachable', at: io.now(), message: (error as Error).message }
  }
}

function sightingOf(answer: ApiAnswer, at: number): Sighting {
  const { status, body } = answer
  if (status === 200) return { type: 'Release', at, release: JSON.parse(body) as ReleaseObject }
  if (status === 404 && isAboutObject(answer)) return { type: 'Gone', at }
  const { message } = apiError(status, body)
  const isRefused = status === 401 || status === 403
  return { type: isRefused ? 'Refused' : 'Unreachable', at, message }
}

type WatchEvent = { type: string; object: ReleaseObject }

/** What changes after a version; ends, without an error, with whatever ends the watch. */
async function* changes(options: WatchOptions, resourceVersion: string): AsyncGenerator<Sighting> {
  const { access, place, io, signal, roundMs = ROUND_MS } = options
  const limit = AbortSignal.any([signal, AbortSignal.timeout(roundMs + READ_TIMEOUT_MS)])
  try {
    for await (const { type, object } of eventsOf(
      access,
      watchPath(place, resourceVersion, roundMs),
      limit,
    )) {
      // What was deleted, or is too old to be followed, is read anew.
      if (type !== 'ADDED' && type !== 'MODIFIED') return
      yield { type: 'Release', at: io.now(), release: object }
    }
  } catch {
    // The read that follows tells what is wrong.
  }
}

async function* eventsOf(access: ApiClient, path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
  const stream = await access.stream({ path, signal })
  try {
    if (stream.statusCode !== 200) return
    for await (const line of createInterface({ input: stream })) yield JSON.parse(line) as WatchEvent
  } finally {
    stream.destroy()
  }
}

function watchPath({ namespace, name }: Place, resourceVersion: string, roundMs: number): string {
  const query = new URLSearchParams({
    watch: 'true',
    fieldSelector: `metadata.name=${name}`,
    resourceVersion,
    timeoutSeconds: String(Math.ceil(roundMs / 1000)),
  })
  return `/apis/${GROUP}/${VERSION}/namespaces/${encodeURIComponent(namespace)}/${PLURAL}?${query.toString()}`
}
