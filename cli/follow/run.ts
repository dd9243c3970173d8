/** Follows a release until it is decided what became of it, and tells about it meanwhile. */
import { LABEL } from '../../operator/api/names.ts'
import type { Pod } from '../../operator/adapters/kubernetes/objects.ts'
import { lastWords } from '../../operator/adapters/kubernetes/logs.ts'
import { withoutCredentials } from '../../operator/planner/output/redaction.ts'
import { Requests } from '../../operator/adapters/kubernetes/requests.ts'
import type { Place } from '../cluster/releases.ts'
import { watchRelease } from '../cluster/watch.ts'
import { EXIT, type ExitCode } from '../errors.ts'
import { say, type Io } from '../io.ts'
import type { Session } from '../session.ts'
import { failureReport } from './failure.ts'
import { decidesAt, see, type End, type Following, type Sighting } from './follower.ts'
import { linesOf, stateText } from './narrate.ts'
import { Screen } from './screen.ts'
import { clockText } from './time.ts'
import { frameOf } from './view.ts'

/** So long nothing is told before it is told that nothing happens. */
const QUIET_MS = 60_000
/** How often the timers of the live view are drawn. */
const FRAME_MS = 1_000
const PODS_MS = 2_000

export type FollowOptions = {
  session: Session
  place: Place
  io: Io
  /** Put before every line, where several releases are followed. */
  prefix?: string
  /** The live view is shown where a person sits before it. */
  live: boolean
}

/** Returns the exit code once all is told. */
export async function followToEnd(begun: Following, options: FollowOptions): Promise<ExitCode> {
  const { io, prefix = '' } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([io.signal, stop.signal])
  const teller = options.live ? new LiveTeller(options, signal) : new LineTeller(io, prefix)
  try {
    const following = await untilDecided(begun, { options, teller, signal })
    teller.close()
    if (!following.end) return interrupted(options)
    await tellEnd(following, following.end, options)
    return following.end.exitCode
  } finally {
    stop.abort()
    teller.close()
  }
}

type Running = { options: FollowOptions; teller: Teller; signal: AbortSignal }

async function untilDecided(begun: Following, { options, teller, signal }: Running): Promise<Following> {
  const { io, place, session } = options
  let following = begun
  teller.tell(undefined, following, io.now())
  const sightings = watchRelease({ access: session.access, place, io, signal })
  let next: Promise<IteratorResult<Sighting>> | undefined
  while (!following.end && !io.signal.aborted) {
    next ??= sightings.next()
    const sighting = await sooner(next, { following, teller, io, signal })
    if (sighting.type !== 'Tick') next = undefined
    const before = following
    following = see(following, sighting)
    teller.tell(before, following, io.now())
  }
  return following
}

/** What is seen next, or that time has come to look at what is known. */
async function sooner(
  next: Promise<IteratorResult<Sighting>>,
  { following, teller, io, signal }: { following: Following; teller: Teller; io: Io; signal: AbortSignal },
): Promise<Sighting> {
  const wake = new AbortController()
  const dueMs = Math.min(decidesAt(following) ?? Infinity, teller.dueAt(io.now())) - io.now()
  const tick = io
    .sleep(Math.max(0, dueMs), AbortSignal.any([signal, wake.signal]))
    .then((): Sighting => ({ type: 'Tick', at: io.now() }))
  const seen = next.then(
    ({ value }): Sighting => (value as Sighting | undefined) ?? { type: 'Tick', at: io.now() },
  )
  try {
    return await Promise.race([seen, tick])
  } finally {
    wake.abort()
  }
}

interface Teller {
  tell(before: Following | undefined, after: Following, now: number): void
  /** When it wants to be asked though nothing is seen. */
  dueAt(now: number): number
  close(): void
}

/** One line for each change, and one a minute while there is none. */
class LineTeller implements Teller {
  readonly #io: Io
  readonly #prefix: string
  #toldAt: number

  constructor(io: Io, prefix: string) {
    this.#io = io
    this.#prefix = prefix
    this.#toldAt = io.now()
  }

  tell(before: Following | undefined, after: Following, now: number): void {
    const told = linesOf(before, after)
    const isQuiet = told.length === 0 && !after.end && now >= this.#toldAt + QUIET_MS
    for (const line of isQuiet ? [`still ${stateText(after)}`] : told) {
      say(this.#io, `${this.#prefix}${clockText(now - after.startedAt).padStart(5)}  ${line}`)
      this.#toldAt = now
    }
  }

  dueAt(): number {
    return this.#toldAt + QUIET_MS
  }

  close(): void {
    // Nothing is held.
  }
}

/** Draws the live view; what it told stays on the terminal when it is closed. */
class LiveTeller implements Teller {
  readonly #options: FollowOptions
  readonly #screen: Screen
  readonly #told: string[] = []
  #pods: readonly Pod[] | undefined
  #following: Following | undefined
  #isClosed = false

  constructor(options: FollowOptions, signal: AbortSignal) {
    this.#options = options
    this.#screen = new Screen(options.io.stdout, () => {
      this.#draw(options.io.now())
    })
    void this.#readPods(signal)
  }

  tell(before: Following | undefined, after: Following, now: number): void {
    this.#following = after
    for (const line of linesOf(before, after))
      this.#told.push(`${clockText(now - after.startedAt).padStart(5)}  ${line}`)
    this.#draw(now)
  }

  dueAt(now: number): number {
    return now + FRAME_MS
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#screen[Symbol.dispose]()
    for (const line of this.#told) say(this.#options.io, line)
  }

  #draw(now: number): void {
    if (this.#isClosed || !this.#following) return
    const scenery = { pods: this.#pods, told: this.#told }
    this.#screen.show(frameOf(this.#following, scenery, this.#screen.size, now))
  }

  async #readPods(signal: AbortSignal): Promise<void> {
    const { session, place, io } = this.#options
    while (!signal.aborted) {
      // Whoever may not list pods sees their numbers all the same.
      this.#pods = await session.releases.pods(place).catch(() => this.#pods)
      await io.sleep(PODS_MS, signal)
    }
  }
}

function interrupted({ io, place }: FollowOptions): ExitCode {
  const { namespace, name } = place
  say(
    io,
    `The release goes on by itself. Come back to it: kubectl modelrelease status ${name} --watch -n ${namespace}`,
  )
  return EXIT.interrupted
}

async function tellEnd(following: Following, end: End, options: FollowOptions): Promise<void> {
  const { io, prefix = '' } = options
  const elapsed = clockText(io.now() - following.startedAt)
  say(io, `${prefix}${end.result} after ${elapsed}: ${end.message}`)
  const needsLogs = end.exitCode !== EXIT.done && following.release?.status?.attempt?.logs === undefined
  const logs = needsLogs ? await candidateLogs(following, options) : undefined
  for (const line of failureReport(following, end, logs)) say(io, `${prefix}${line}`)
}

/** The last words of the candidate's pods, where it still has some; undefined where they may not be read. */
async function candidateLogs(
  { release }: Following,
  { session, place }: FollowOptions,
): Promise<string | undefined> {
  const { attempt, liveColor } = release?.status ?? {}
  if (!attempt) return undefined
  try {
    const pods = (await session.releases.pods(place)).filter(
      ({ metadata }) =>
        metadata.labels?.[LABEL.revision] === attempt.revision && metadata.labels[LABEL.color] !== liveColor,
    )
    return pods.length === 0
      ? undefined
      : await lastWords(new Requests(session.access), {
          namespace: place.namespace,
          pods,
          hide: withoutCredentials,
        })
  } catch {
    return undefined
  }
}
