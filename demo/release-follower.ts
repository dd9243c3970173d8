/** What becomes of one ModelRelease, as its status and Events tell it. */
import type { Attempt, Phase, Status } from '../operator/api/release.ts'
import { LABEL } from '../operator/api/names.ts'
import { afterRunning } from './deadline.ts'
import type { Environment } from './environment.ts'
import { follow, onEach, type ApiObject, type Seen } from './follow.ts'

export type SeenRelease = ApiObject & { status?: Status }
type EventObject = ApiObject & {
  type: string
  reason: string
  message: string
  involvedObject: { kind: string; name: string }
}
type Pod = ApiObject & { status: { conditions?: { type: string; status: string }[] } }

/** Something that was seen, with the epoch millisecond of the moment. */
export type Moment =
  | {
      type: 'Status'
      at: number
      phase: Phase | undefined
      attempt: Attempt | undefined
      live: string | undefined
    }
  | { type: 'PodReady'; at: number; pod: string; revision: string }

export type ReleaseFollower = {
  moments: readonly Moment[]
  /** The release as last seen. */
  release: () => SeenRelease | undefined
  /**
   * Returns once the release is as wanted. Throws with what was waited for after `timeoutMs` in which the machine ran,
   * or when the environment ends.
   */
  until: (
    what: string,
    isWanted: (release: SeenRelease) => boolean,
    timeoutMs: number,
  ) => Promise<SeenRelease>
}

type Waiter = {
  isWanted: (release: SeenRelease) => boolean
  resolve: (release: SeenRelease) => void
  reject: (error: Error) => void
}

export type FollowerOptions = {
  environment: Pick<Environment, 'api' | 'signal'>
  namespace: string
  name: string
  say: (line: string) => void
}

/** Follows a release from now on, and tells every change of its phase and every Event in one line. */
export function followRelease({ environment, namespace, name, say }: FollowerOptions): ReleaseFollower {
  const { api, signal } = environment
  const moments: Moment[] = []
  const waiters = new Set<Waiter>()
  let latest: SeenRelease | undefined
  const failAll = (error: Error): void => {
    for (const { reject } of waiters) reject(error)
    waiters.clear()
  }
  signal.addEventListener('abort', () => failAll(signal.reason as Error))

  const seeRelease = ({ type, object }: Seen<SeenRelease>): void => {
    if (type === 'Gone') return
    const { phase, attempt, liveColor: live } = object.status ?? {}
    const line = phaseLine(name, object)
    if (!latest || line !== phaseLine(name, latest)) say(line)
    moments.push({ type: 'Status', at: Date.now(), phase, attempt, live })
    latest = object
    for (const waiter of waiters) {
      if (!waiter.isWanted(object)) continue
      waiters.delete(waiter)
      waiter.resolve(object)
    }
  }
  const seePod = podWatcher((pod, revision) =>
    moments.push({ type: 'PodReady', at: Date.now(), pod, revision }),
  )
  const background = { signal, failed: failAll }
  const base = `/apis/modelrelease.io/v1alpha1/namespaces/${namespace}/modelreleases`
  const pods = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(`${LABEL.name}=${name}`)}`
  const events = `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.kind=ModelRelease,involvedObject.name=${name}`
  onEach(
    follow<SeenRelease>(api, `${base}?fieldSelector=metadata.name=${name}`, signal),
    seeRelease,
    background,
  )
  onEach(follow<Pod>(api, pods, signal), seePod, background)
  onEach(follow<EventObject>(api, events, signal), eventTeller(name, say), background)

  return {
    moments,
    release: () => latest,
    until: (what, isWanted, timeoutMs) => {
      if (signal.aborted) return Promise.reject(signal.reason as Error)
      if (latest && isWanted(latest)) return Promise.resolve(latest)
      const { promise, resolve, reject } = Promise.withResolvers<SeenRelease>()
      const waiter = { isWanted, resolve, reject }
      waiters.add(waiter)
      const late = (): void => {
        waiters.delete(waiter)
        reject(
          new Error(
            `${name}: ${what} did not happen within ${timeoutMs / 1000} s of a running machine; last seen: ${stateText(latest)}`,
          ),
        )
      }
      return promise.finally(afterRunning(timeoutMs, late))
    },
  }
}

function phaseLine(name: string, { status = {} }: SeenRelease): string {
  const { phase = 'new', liveColor, conditions = [] } = status
  const live = liveColor ? `, users are led to ${liveColor}` : ''
  const waiting = conditions.find(({ type }) => type === 'Reconciling')
  const why = waiting && waiting.reason !== phase ? ` (${waiting.reason})` : ''
  return `  ${name}: ${phase}${why}${live}`
}

function stateText(release: SeenRelease | undefined): string {
  if (!release) return 'nothing'
  const { phase, attempt, conditions } = release.status ?? {}
  const said = conditions?.map(
    ({ type, status, reason, message }) => `${type}=${status} (${reason}: ${message})`,
  )
  return `${phase ?? 'no phase'}, attempt ${JSON.stringify(attempt)}, ${said?.join(', ') ?? 'no conditions'}`
}

/** Calls back when a pod is first seen to be ready. */
function podWatcher(ready: (pod: string, revision: string) => void): (seen: Seen<Pod>) => void {
  const known = new Set<string>()
  return ({ type, object: { metadata, status } }) => {
    const isReady = status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True')
    if (type === 'Gone' || !isReady || known.has(metadata.uid)) return
    known.add(metadata.uid)
    ready(metadata.name, metadata.labels?.[LABEL.revision] ?? '')
  }
}

function eventTeller(name: string, say: (line: string) => void): (seen: Seen<EventObject>) => void {
  const told = new Set<string>()
  return ({ type, object }) => {
    const key = `${object.metadata.uid}/${object.metadata.resourceVersion}`
    if (type === 'Gone' || told.has(key)) return
    told.add(key)
    const mark = object.type === 'Warning' ? '!' : '·'
    say(`  ${name}: ${mark} ${object.reason}: ${object.message}`)
  }
}
