/** Walks: the real loop, driver, emulator and edges through whatever happens, watched at every instant. */
import { Agent } from 'node:http'
import { startCloudFrontLocal, type CloudFrontLocal } from '../../../../cloudfront-local/start.ts'
import { seededRandom } from '../../../../cloudfront-local/propagation/random.ts'
import { COLORS } from '../../../api/names.ts'
import { keyValueStoreOf, type Spec } from '../../../api/release.ts'
import type { Rules } from '../../../planner/plan.ts'
import { ConflictError, TransientError } from '../../../ports/errors.ts'
import type { HttpProbe, Pointer } from '../../../ports/ports.ts'
import type { ReconcileReport } from '../../../reconcile.ts'
import { backoffMs } from '../../../controller/clock.ts'
import { CrashError, SimulatedWorld, type Seen } from '../../fakes/simulated-world.ts'
import { InvariantChecker } from '../../simulation/invariant-checker.ts'
import type { Action, Walk } from './actions.ts'
import { admin, Aws, USUAL_PROPAGATION } from './aws.ts'
import { askEdges, HOST, PARTS, type UserAnswer } from './edges.ts'
import { Fleet } from './fleet.ts'
import { Mirror } from './mirror.ts'
import { Moves } from './moves.ts'
import { askAt, OperatorProcess } from './operator-process.ts'
import { originHost, SITES, type Site } from './sites.ts'
import { KEY } from './specs.ts'
import { Timeline } from './timeline.ts'
import { Users } from './users.ts'
import { Wire, type WireEnd } from './wire.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const EDGES = 3
/** As the operator's queue waits between reconciles that throw. */
const BACKOFF = { baseMs: 5, maxMs: 300_000 }
/** Longer than anything that is waited for without a write: the delay of retirement, a deadline, a back-off. */
const QUIET_MS = 400_000
const LONGEST_UNREST_MS = 3 * 3_600_000
/** A walk that needs more never rests: passes that change nothing follow each other at once. */
const MOST_PASSES = 3000
/** A release that nobody watches is looked at again when the watches begin anew. */
const RELIST_MS = 600_000

/** What every walk needs and none changes: servers that take longest to start. */
export class Stage {
  readonly fleet = new Fleet(64)
  readonly wire = new Wire()
  readonly agent = new Agent({ keepAlive: true })

  async open(): Promise<void> {
    await this.fleet.open()
    await this.wire.open()
  }

  async close(): Promise<void> {
    this.agent.destroy()
    await this.wire.close()
    await this.fleet.close()
  }
}

/** Something that is done wrong on purpose, to see that a walk finds it. */
export type Mistake = {
  rules?: Rules
  /** `etag`: of what a write is guarded by, as it is now. */
  tamper?: (standIn: { etag: (path?: string) => string }) => NonNullable<WireEnd['tamper']>
  pointer?: (pointer: Pointer) => Pointer
}

export type Walked = {
  violations: string[]
  /** What happened, a line for each decision and each violation. */
  lines: string[]
  /** Updates that CloudFront accepted from the operator. */
  updates: number
}

/** Ends a walk that has shown what is wrong. */
class ShownError extends Error {}

export async function walk(stage: Stage, plan: Walk, mistake: Mistake = {}): Promise<Walked> {
  const { fleet } = stage
  const standIn = await startCloudFrontLocal({
    edges: EDGES,
    randomSeed: plan.seed,
    propagation: USUAL_PROPAGATION,
    storePropagation: USUAL_PROPAGATION,
    now: () => START,
    log: () => undefined,
    resolve: COLORS.map((color) => `${originHost(color)}=${fleet.serviceAddress(color)}:${fleet.port}`),
    seed: SITES[plan.kind].seed,
  })
  let walker: Walker | undefined
  try {
    walker = new Walker(stage, standIn, { plan, mistake, ...(await beginning(standIn)) })
    await walker.walk()
  } catch (error) {
    if (!(error instanceof ShownError)) throw error
  } finally {
    await standIn.close(0)
  }
  const { violations = [], lines = [], updates = 0 } = walker ?? {}
  return { violations, lines, updates }
}

type Versioned = { etag: string; arn: string }
/** What stands there before anybody writes. */
type Beginning = { etag: string; store: Versioned | undefined }

async function beginning(standIn: CloudFrontLocal): Promise<Beginning> {
  const list = async (path: string): Promise<Versioned[]> =>
    (await admin(standIn, path, { method: 'GET' })) as Versioned[]
  const [distribution] = await list('/distributions')
  const [store] = await list('/key-value-stores')
  return { etag: distribution?.etag ?? '', store }
}

class Walker {
  readonly lines: string[] = []
  readonly #stage: Stage
  readonly #standIn: CloudFrontLocal
  readonly #plan: Walk
  readonly #site: Site
  readonly #mistake: Mistake
  readonly #storeArn: string
  readonly #random: () => number
  readonly #world: SimulatedWorld
  readonly #watch: InvariantChecker
  readonly #mirror: Mirror
  readonly #moves: Moves
  readonly #users: Users
  readonly #aws: Aws
  readonly #time: Timeline
  readonly #ask: HttpProbe
  #operator: OperatorProcess
  #awayMs = 2000
  #failures = 0
  #count = 0
  #turn = 0
  #nonce = 0
  /** Writes that will arrive though nobody waits for them any more. */
  #late = 0
  #probed = ''

  constructor(
    stage: Stage,
    standIn: CloudFrontLocal,
    { plan, mistake, etag, store }: Beginning & { plan: Walk; mistake: Mistake },
  ) {
    this.#stage = stage
    this.#standIn = standIn
    this.#plan = plan
    this.#site = SITES[plan.kind]
    this.#mistake = mistake
    this.#storeArn = store?.arn ?? ''
    this.#random = seededRandom(plan.seed)
    const { agent, fleet, wire } = stage
    this.#world = new SimulatedWorld({
      spec: this.#specNamed('version 1'),
      addressOf: (pod) => fleet.addressOf(pod),
    })
    const world = this.#world
    this.#watch = new InvariantChecker(world)
    this.#noteProofs()
    this.#mirror = new Mirror({
      edges: EDGES,
      distribution: { etag, targets: Object.fromEntries(PARTS.map((part) => [part, 'housing-blue'])) },
      store: store && { etag: store.etag, key: KEY },
      onUpdate: (entry) => this.#moves.judge(entry),
      onInvalidation: () => world.observer({ type: 'Invalidate' }),
    })
    const mirror = this.#mirror
    mirror.show(world)
    const wrong = (what: string): void => this.#wrong(what)
    this.#users = new Users({ world, mirror, wrong })
    this.#moves = new Moves({
      ...{ world, wrong },
      say: (line) => this.#say(line),
      noteCanary: (written, asked) => this.#users.noteCanary(written, asked),
    })
    this.#time = new Timeline({
      start: world.now,
      nextEvent: () => world.nextEvent(),
      onStop: (now, passedMs) => this.#stop(now, passedMs),
    })
    this.#aws = new Aws({
      ...{ standIn, agent, wire, mirror },
      later: (ms, act) => this.#time.in(ms, act),
      isGood: (color) => this.#users.isGood(color),
      leadsToGood: (origin) => this.#leadsToGood(origin),
    })
    this.#ask = askAt((hostname) => this.#placeOf(hostname))
    fleet.inhabit(world)
    const tamper = mistake.tamper?.({ etag: (path) => this.#newestGuard(path) })
    wire.connect({
      apiUrl: standIn.apiUrl,
      later: (ms, deliver) => this.#later(ms, deliver),
      onWrite: (ifMatch) => this.#leaves(ifMatch),
      ...(tamper ? { tamper } : {}),
    })
    this.#operator = this.#born()
  }

  get violations(): string[] {
    return this.#watch.violations
  }

  get updates(): number {
    return this.#moves.accepted
  }

  async walk(): Promise<void> {
    for (const { passes, action } of this.#plan.steps) {
      await this.#passes(passes)
      this.#say(`-- ${JSON.stringify(action)}`)
      await this.#do(action)
      this.#watch.expect()
      await this.#look(action.type)
    }
    await this.#putRight()
    await this.#rest()
    this.#judgeRest()
    await this.#helpByHand()
    this.#say('-- version 1 is applied at last')
    this.#world.apply(this.#served(this.#site.atLast))
    await this.#rest()
    this.#judgeEnd(await this.#probe())
  }

  // ---- What happens ------------------------------------------------------------------------------------------------

  async #do(action: Action): Promise<void> {
    switch (action.type) {
      case 'Apply':
        this.#world.apply(this.#specNamed(action.spec))
        break
      case 'Command':
        this.#nonce += 1
        this.#world.command(action.verb, String(this.#nonce))
        break
      case 'WipeStatus':
        this.#world.wipeStatus()
        break
      case 'Sicken':
        this.#sicken(action)
        break
      case 'Crash':
        this.#awayMs = action.awaySeconds * 1000
        this.#operator.dieAt(action.atPoint)
        break
      case 'TimePasses':
        await this.#untilLater(action.seconds * 1000)
        break
      default:
        await this.#aws.do(action)
    }
  }

  /** Nobody breaks what serves, or what a write that is still under way leads to. */
  #sicken({ color, seconds }: Extract<Action, { type: 'Sicken' }>): void {
    const serves = [...this.#mirror.ways].some((name) => this.#world.colorNamed(name) === color)
    if (serves || this.#late > 0) return
    this.#world.sicken(color)
    this.#time.in(seconds * 1000, () => this.#world.heal(color))
  }

  #leadsToGood(origin: string): boolean {
    const color = this.#world.colorNamed(origin)
    return color !== undefined && this.#users.isGood(color)
  }

  #later(ms: number, deliver: () => Promise<void>): void {
    this.#late += 1
    this.#time.in(ms, async () => {
      await deliver()
      this.#late -= 1
    })
  }

  /** All faults end; what is on its way arrives in its time. */
  async #putRight(): Promise<void> {
    this.#say('-- all faults end')
    await this.#aws.calm()
    for (const color of COLORS) this.#world.heal(color)
    this.#operator.dieAt(Infinity)
    await this.#look('the end of all faults')
  }

  /** What the message of a pointer that nobody knows asks a person to do. */
  async #helpByHand(): Promise<void> {
    const { distribution, key } = this.#mirror
    const named = new Set(Object.values(distribution.newest))
    if (named.size === 1 || key?.newest) return
    this.#say('-- a person points every behavior at one color')
    for (const color of COLORS) if (named.size > 1) await this.#aws.pointElsewhere('all', color)
    await this.#look('a person')
  }

  // ---- The operator ------------------------------------------------------------------------------------------------

  #born(): OperatorProcess {
    const random = this.#random
    const clock = this.#time.clock(random, () => born.isDead)
    const pointer = this.#site.pointer(this.#stage.wire.url, clock, () => {
      if (born.isDead) throw new CrashError('a dead operator')
    })
    const born: OperatorProcess = new OperatorProcess({
      world: this.#world,
      pointer: this.#moves.noted(this.#mistake.pointer?.(pointer) ?? pointer),
      ask: this.#ask,
      now: () => this.#time.now,
      onWait: () => this.#takeNews(),
      report: (report) => this.#report(report),
      rules: this.#mistake.rules,
    })
    return born
  }

  async #passes(count: number): Promise<void> {
    for (let done = 0; done < count; done += 1) await this.#pass()
  }

  /** Passes until so much time is over. */
  async #untilLater(ms: number): Promise<void> {
    const until = this.#time.now + ms
    while (this.#time.now < until) await this.#pass(until)
  }

  /** One reconcile, and the time until the next. */
  async #pass(atMost = Infinity): Promise<void> {
    const requeueAfterMs = await this.#passOnce()
    const wake = Math.min(this.#time.now + requeueAfterMs, this.#world.nextEvent() ?? Infinity, atMost)
    await this.#time.passTo(Math.max(wake, this.#time.now + 1))
  }

  async #passOnce(): Promise<number> {
    this.#count += 1
    if (this.#count > MOST_PASSES) {
      this.#wrong(`a hot loop: ${MOST_PASSES} passes`)
      throw new ShownError()
    }
    try {
      const result = await this.#operator.pass()
      this.#failures = 0
      return 'requeueAfterMs' in result ? Math.min(result.requeueAfterMs, RELIST_MS) : RELIST_MS
    } catch (error) {
      return await this.#failed(error)
    } finally {
      await this.#look('a pass')
    }
  }

  async #failed(error: unknown): Promise<number> {
    if (error instanceof CrashError) {
      this.#say(`   the operator dies, and is away for ${this.#awayMs / 1000} s`)
      await this.#time.pass(this.#awayMs)
      this.#operator = this.#born()
      this.#failures = 0
      return 0
    }
    if (!(error instanceof ConflictError || error instanceof TransientError)) throw error
    this.#say(`   ${error.name}: ${error.message}`)
    this.#failures += 1
    return backoffMs(BACKOFF, this.#failures, this.#random())
  }

  #report({ rule, action, result, status, before }: ReconcileReport): void {
    if (!action && status.phase === before?.phase) return
    const refused = result?.type === 'Refused' ? `: refused, ${result.message}` : ''
    this.#say(`   ${rule ?? 'nothing'}${action ? ` → ${action}` : ''}${refused} (${status.phase ?? ''})`)
  }

  // ---- Time and what is seen ---------------------------------------------------------------------------------------

  async #stop(now: number, passedMs: number): Promise<void> {
    await this.#aws.advance(passedMs)
    await this.#look('edges following')
    this.#world.advanceTo(now)
    await this.#look('time passing')
  }

  #takeNews(): void {
    this.#mirror.take(this.#standIn.audit(this.#mirror.seen))
    this.#mirror.show(this.#world)
  }

  /** Users are asked for whenever what they may get has changed. */
  async #look(after: string): Promise<void> {
    this.#takeNews()
    this.#watch.look(after)
    const state = this.#ways()
    if (state !== this.#probed) {
      this.#probed = state
      for (const answer of await this.#probe()) this.#users.judge(answer, after)
    }
    if (this.violations.length > 0) throw new ShownError()
  }

  /** Everything that decides what users get. */
  #ways(): string {
    return JSON.stringify([
      this.#mirror.applied,
      COLORS.map((color) => this.#world.servingPods(color).map(({ name }) => name)),
    ])
  }

  /** What users get at one instant: on a busy machine an edge may follow while they ask. */
  async #probe(): Promise<UserAnswer[]> {
    for (;;) {
      const before = this.#ways()
      const answers = await askEdges(this.#standIn.edgeUrls, this.#site.visits, this.#stage.agent)
      this.#takeNews()
      if (this.#ways() === before) return answers
    }
  }

  /** The rest of the world sees only numbers; users come by name, at any edge. */
  #placeOf(hostname: string): { origin: string; host?: string } | undefined {
    const { fleet } = this.#stage
    const { edgeUrls } = this.#standIn
    if (hostname === HOST) return { origin: edgeUrls[this.#turn++ % edgeUrls.length] ?? '', host: HOST }
    const color = COLORS.find((one) => hostname === `service-${one}` || hostname === originHost(one))
    return color && { origin: `http://${fleet.serviceAddress(color)}:${fleet.port}` }
  }

  #specNamed(name: string): Spec {
    const spec = this.#site.specs[name]
    if (!spec) throw new Error(`${this.#plan.kind} has no spec of the name ${name}`)
    return this.#served(spec)
  }

  /** With what is only known where it is served. */
  #served(spec: Spec): Spec {
    const { port } = this.#stage.fleet
    const settings = keyValueStoreOf(spec)
    if (!settings) return { ...spec, port }
    const cloudFrontKeyValueStore = { ...settings, keyValueStoreArn: this.#storeArn }
    return { ...spec, port, traffic: { ...spec.traffic, cloudFrontKeyValueStore } }
  }

  // ---- What must hold ----------------------------------------------------------------------------------------------

  #say(line: string): void {
    const seconds = ((this.#time.now - START) / 1000).toFixed(3).padStart(10)
    if (this.lines.at(-1)?.slice(12) !== line) this.lines.push(`${seconds}  ${line}`)
  }

  #wrong(what: string): void {
    this.violations.push(what)
    this.#say(`!! ${what}`)
  }

  #noteProofs(): void {
    const watchman = this.#world.observer
    this.#world.observer = (seen: Seen) => {
      if (seen.type === 'Status') this.#users.noteProof(seen.status)
      watchman(seen)
    }
  }

  #newestGuard(path?: string): string {
    this.#takeNews()
    return this.#mirror.guardOf(path)
  }

  #leaves(ifMatch: string): void {
    this.#takeNews()
    this.#moves.leaves(ifMatch, this.#mirror)
  }

  // ---- The end -----------------------------------------------------------------------------------------------------

  /** Passes until nothing was written for longer than anything is waited for. */
  async #rest(): Promise<void> {
    const start = this.#time.now
    let last = { at: start, writes: -1 }
    while (this.#time.now - start < LONGEST_UNREST_MS) {
      await this.#pass()
      const writes = this.#world.writes.length + this.updates
      if (writes !== last.writes || this.#mirror.isMoving) last = { at: this.#time.now, writes }
      if (this.#time.now - last.at > QUIET_MS) return
    }
    this.#wrong(`never at rest; the last that was written: ${this.#world.writes.slice(-6).join(', ')}`)
  }

  #judgeRest(): void {
    this.#watch.rest()
    const reasonOf = (type: string): string | undefined =>
      this.#world.status?.conditions?.find((one) => one.type === type && one.status === 'True')?.reason
    const reconciling = reasonOf('Reconciling') ?? ''
    // Where there is nothing to go back to, what is live is asked for ever.
    const isStuck = ['BothColorsBroken', 'Verifying'].includes(reconciling)
    const hasNoWay = isStuck && !COLORS.some((color) => this.#users.isGood(color))
    const end = reasonOf('Ready') ?? reasonOf('Stalled')
    this.#say(`at rest: ${end ?? reconciling}`)
    if (end === undefined && !hasNoWay) this.#wrong(`not propagated: ${reconciling}`)
    if (this.violations.length > 0) throw new ShownError()
  }

  #judgeEnd(answers: readonly UserAnswer[]): void {
    this.#watch.rest()
    const { attempt, conditions } = this.#world.status ?? {}
    if (attempt?.outcome !== 'Promoted')
      this.#wrong(`the last spec is not promoted: ${JSON.stringify(conditions)}`)
    for (const { edge, part, user = 'a user', revision = 'none' } of answers)
      if (revision !== attempt?.revision)
        this.#wrong(`${user} of ${part} at edge ${edge} is answered by ${revision} at last`)
  }
}
