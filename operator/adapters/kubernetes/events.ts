import { createHash } from 'node:crypto'
import { API_VERSION, KIND, MANAGER } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import type { Requests } from './requests.ts'
import { EVENTS } from './resources.ts'
import { ConflictError } from '../../ports/errors.ts'
import type { EventRecord } from '../../planner/output/events.ts'
import { oneLine, shorten } from '../../api/text.ts'

/** The API server takes at most 1024 characters; the rest is in the status. */
const MESSAGE_LIMIT = 1000

/** The same happening of the same release has the same name: told again, it is counted and not repeated. */
export function eventName(release: ModelRelease, { reason, message }: EventRecord): string {
  const about = JSON.stringify([release.metadata.uid, reason, message])
  return `${release.metadata.name}.${createHash('sha256').update(about).digest('hex').slice(0, 16)}`
}

/** Tells a happening once, or counts it. `at` is RFC 3339. Throws what the API server answers. */
export async function tell(
  requests: Requests,
  release: ModelRelease,
  happening: EventRecord,
  at: string,
): Promise<void> {
  const { name, namespace, uid, resourceVersion } = release.metadata
  const place = { namespace, name: eventName(release, happening) }
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: place,
    involvedObject: { apiVersion: API_VERSION, kind: KIND, name, namespace, uid, resourceVersion },
    type: happening.type,
    reason: happening.reason,
    message: shorten(oneLine(happening.message), MESSAGE_LIMIT),
    source: { component: MANAGER },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  }
  try {
    await requests.create(EVENTS, event)
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error
    const told = await requests.get(EVENTS, place)
    if (!told) return
    const { resourceVersion: version } = told.metadata
    const change = { count: (told.count ?? 1) + 1, lastTimestamp: at }
    await requests.patch(EVENTS, place, { resourceVersion: version }, change)
  }
}
