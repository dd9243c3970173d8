import { type Clock, type Moment, sleep, steadyTime, systemClock } from './clock.ts'
import { type Log, silent } from './log.ts'

/** The fields of a coordination.k8s.io/v1 Lease that elections use. Times are RFC 3339 with microseconds. */
export type LeaseSpec = {
  readonly holderIdentity?: string
  readonly leaseDurationSeconds?: number
  readonly acquireTime?: string
  readonly renewTime?: string
  readonly leaseTransitions?: number
}

/** A Lease as read from the API server. */
export type Lease = { readonly resourceVersion: string; readonly spec: LeaseSpec }

/** Where the Lease lives; see lease-store.ts. Each verb gives up in less time than the renew deadline. */
export type LeaseStore = {
  read(): Promise<Lease | undefined>
  /** @throws LeaseConflictError when one exists. */
  create(spec: LeaseSpec): Promise<Lease>
  /** Replaces the version that was read. @throws LeaseConflictError when there is a newer one, or none any more. */
  replace(resourceVersion: string, spec: LeaseSpec): Promise<Lease>
}

/** Somebody else wrote the Lease first. */
export class LeaseConflictError extends Error {
  override readonly name = 'LeaseConflictError'
}

/** How long a lease lasts for others, for its holder, and how often it is renewed or tried, in milliseconds. */
export type LeaseTimes = {
  readonly durationMs: number
  readonly renewDeadlineMs: number
  readonly retryMs: number
}

const DEFAULT_TIMES: LeaseTimes = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 }

/** What to do about a Lease that was read. */
export type LeaseDecision =
  | { readonly type: 'Create' }
  | { readonly type: 'TakeOver'; readonly because: 'Free' | 'Expired' }
  | { readonly type: 'Renew' }
  | { readonly type: 'Wait'; readonly holder: string }

/**
 * Decides about `lease`, of which this version was first seen here at `seenAt`, when it is `now` (both on our own
 * monotonic clock, in milliseconds). The times in the Lease come from another machine's clock and are not looked at:
 * a lease has expired when it stayed unchanged before our own eyes for as long as it lasts.
 */
export function evaluateLease(
  lease: Lease | undefined,
  me: string,
  seenAt: number,
  now: number,
): LeaseDecision {
  if (!lease) return { type: 'Create' }
  const holder = lease.spec.holderIdentity
  if (!holder) return { type: 'TakeOver', because: 'Free' }
  if (holder === me) return { type: 'Renew' }
  const lastsMs = (lease.spec.leaseDurationSeconds ?? DEFAULT_TIMES.durationMs / 1000) * 1000
  return now - seenAt > lastsMs ? { type: 'TakeOver', because: 'Expired' } : { type: 'Wait', holder }
}

/** What an elector needs. */
export type LeaderElectorOptions = {
  readonly store: LeaseStore
  /** Unique for each *process*: a restarted container keeps its pod's name, and must not take itself for its predecessor. */
  readonly identity: string
  readonly clock?: Clock
  readonly times?: LeaseTimes
  readonly log?: Log
  readonly onLeading: () => void
  /** Called once, and for good: the process must exit, since something in it may still believe that it leads. */
  readonly onLost: (reason: string) => void
}

/** Standby until elected; lost and stopped are final. */
export type Role = 'standby' | 'leader' | 'lost' | 'stopped'

/** The version of a lease that existed and does not any more; it is false, so that it is created rather than replaced. */
const DELETED = ''

/**
 * Takes part in the election of one leader.
 *
 * The holder counts from the *start* of its last successful request and stops believing after the renew deadline; a
 * contender counts from when it *saw* that request's result, and waits for the longer lease duration. So with clocks
 * of equal speed there are never two, and a write that begins at the last moment has the difference to finish.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions
  readonly #clock: Clock
  readonly #times: LeaseTimes
  readonly #log: Log
  readonly #stopping = new AbortController()
  #role: Role = 'standby'
  #lease: Lease | undefined
  /** When this version of the lease was first seen here. */
  #seenAt = 0
  /** False when somebody may have written since: after an error or a conflict. */
  #leaseIsFresh = false
  #heldSince: Moment = { monotonicMs: -Infinity, wallMs: -Infinity }
  /** What time it was for the holder before, when it was last seen to renew. */
  #holderTime: Moment | undefined
  /** The time since this process took the lease over. */
  #time: () => number
  #lastTurnAt = 0
  #cancelDeadline: () => void = () => undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(options: LeaderElectorOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#times = options.times ?? DEFAULT_TIMES
    this.#log = options.log ?? silent
    this.#time = () => this.#clock.wallMs()
  }

  /**
   * Unix milliseconds for everything that a leader remembers. They never jump while it leads, and go on from the time of
   * the leader before where its last renewal was seen: two machines rarely agree about the time of day, and what one of
   * them gave ten minutes must not be over at once for the other.
   */
  nowMs(): number {
    return this.#time()
  }

  /** Begins to try. */
  start(): void {
    this.#lastTurnAt = this.#clock.monotonicMs()
    this.#ended = this.#run()
  }

  /** What this process is in the election. */
  get role(): Role {
    return this.#role
  }

  /**
   * Whether this process may write at this instant; ask before each write. It compares clocks and trusts no timer: a
   * process that was stopped and goes on finds itself too late. Once false for a leader, it is lost for good.
   */
  isHeld(): boolean {
    if (this.#role !== 'leader') return false
    if (this.#heldForMs() < this.#times.renewDeadlineMs) return true
    this.#lose('the lease was not renewed in time')
    return false
  }

  /** Why this process should be restarted, if it should: the loop has not turned for `boundMs` milliseconds. */
  problem(boundMs = 60_000): string | undefined {
    if (this.#role === 'lost') return 'the lease is lost and the process has not exited'
    if (this.#role === 'stopped') return undefined
    const stuckMs = this.#clock.monotonicMs() - this.#lastTurnAt
    return stuckMs > boundMs ? `the lease was not looked at for ${Math.round(stuckMs / 1000)} s` : undefined
  }

  /** Leaves the election and gives the lease back, so that a successor need not wait for its end. Write nothing after. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#ended
    const held = this.isHeld()
    if (this.#role === 'lost') return
    this.#role = 'stopped'
    this.#cancelDeadline()
    if (!held || !this.#lease) return
    try {
      // The same fields as client-go's release, so that any other elector understands it.
      await this.#options.store.replace(this.#lease.resourceVersion, {
        ...this.#lease.spec,
        holderIdentity: '',
        leaseDurationSeconds: 1,
        renewTime: microTime(this.nowMs()),
      })
      this.#log.info({}, 'Released the lease')
    } catch (err) {
      this.#log.warn({ err }, 'Could not release the lease; a successor waits for its end')
    }
  }

  /** The longer of two readings: the monotonic clock stands still while a machine sleeps, the wall clock can be set back. */
  #heldForMs(): number {
    return Math.max(
      this.#clock.monotonicMs() - this.#heldSince.monotonicMs,
      this.#clock.wallMs() - this.#heldSince.wallMs,
    )
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted && this.#role !== 'lost') {
      this.#lastTurnAt = this.#clock.monotonicMs()
      if (this.#role === 'leader' && !this.isHeld()) return
      let pauseMs = this.#times.retryMs
      try {
        await this.#turn()
      } catch (err) {
        this.#leaseIsFresh = false
        this.#log.warn({ err, role: this.#role }, 'Could not read or write the lease')
        // The attempt may have hung for half the renew deadline; a holder has little time left for the next.
        if (this.#role === 'leader') pauseMs /= 4
      }
      // Contenders that started together must not stay in step.
      if (this.#role !== 'leader') pauseMs *= 1 + this.#clock.random() / 5
      await sleep(this.#clock, pauseMs, this.#stopping.signal)
    }
  }

  async #turn(): Promise<void> {
    // A holder that knows the newest version renews it without reading: half the requests, and the write proves as much.
    if (this.#role !== 'leader' || !this.#leaseIsFresh) this.#saw(await this.#options.store.read())
    if (this.#stopping.signal.aborted || this.#role === 'lost') return
    const decision = evaluateLease(
      this.#lease,
      this.#options.identity,
      this.#seenAt,
      this.#clock.monotonicMs(),
    )
    if (decision.type === 'Wait' || (this.#role === 'leader' && decision.type !== 'Renew')) {
      if (this.#role === 'leader')
        this.#lose(`the lease passed to ${this.#lease?.spec.holderIdentity ?? 'nobody'}`)
      return
    }
    await this.#write()
  }

  #moment(): Moment {
    return { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.wallMs() }
  }

  async #write(): Promise<void> {
    const began = this.#moment()
    if (this.#role !== 'leader') this.#time = steadyTime(this.#clock, this.#holderTime ?? began)
    const spec = this.#nextSpec(this.nowMs())
    this.#leaseIsFresh = false
    try {
      const { store } = this.#options
      const version = this.#lease?.resourceVersion
      this.#saw(await (version ? store.replace(version, spec) : store.create(spec)))
    } catch (error) {
      if (!(error instanceof LeaseConflictError)) throw error
      // Read again at the next turn: another contender was faster, or somebody edited the labels of our lease.
      this.#log.debug({ role: this.#role }, 'The lease was written by somebody else first')
      return
    }
    this.#leaseIsFresh = true
    this.#hold(began)
  }

  #nextSpec(nowMs: number): LeaseSpec {
    const before = this.#lease?.spec
    const mine = before?.holderIdentity === this.#options.identity
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#times.durationMs / 1000),
      acquireTime: (mine ? before.acquireTime : undefined) ?? microTime(nowMs),
      renewTime: microTime(nowMs),
      leaseTransitions: (before?.leaseTransitions ?? 0) + (mine || !before ? 0 : 1),
    }
  }

  #saw(lease: Lease | undefined): void {
    // Deleted under its holder, who does not know yet: the last we saw of it stays true until it would have expired.
    const seen = lease ?? (this.#lease && { ...this.#lease, resourceVersion: DELETED })
    if (seen?.resourceVersion !== this.#lease?.resourceVersion) {
      this.#seenAt = this.#clock.monotonicMs()
      // The first version that is seen may be of any age; a change before our eyes has just been made.
      if (lease && this.#lease && lease.spec.renewTime !== this.#lease.spec.renewTime)
        this.#holderTime = this.#timeOf(lease) ?? this.#holderTime
    }
    this.#lease = seen
  }

  #timeOf({ spec: { renewTime } }: Lease): Moment | undefined {
    const wallMs = Date.parse(renewTime ?? '')
    return Number.isNaN(wallMs) ? undefined : { monotonicMs: this.#seenAt, wallMs }
  }

  #hold(began: Moment): void {
    if (this.#role === 'leader') {
      this.#heldSince = began
      this.#watchDeadline()
      return
    }
    if (this.#role !== 'standby') return
    this.#heldSince = began
    this.#role = 'leader'
    if (!this.isHeld()) return
    this.#watchDeadline()
    // Won while stopping: stop() gives it back.
    if (this.#stopping.signal.aborted) return
    this.#log.info({ identity: this.#options.identity }, 'Became the leader')
    this.#options.onLeading()
  }

  /** Only so that the process exits promptly; that it no longer writes is up to isHeld. */
  #watchDeadline(): void {
    this.#cancelDeadline()
    this.#cancelDeadline = this.#clock.after(this.#times.renewDeadlineMs - this.#heldForMs(), () => {
      if (this.isHeld()) this.#watchDeadline()
    })
  }

  #lose(reason: string): void {
    if (this.#role !== 'leader') return
    this.#role = 'lost'
    this.#cancelDeadline()
    this.#log.error({ reason }, 'Lost the lease')
    this.#options.onLost(reason)
  }
}

/** A metav1.MicroTime. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace(/Z$/, '000Z')
}
