/** Walks: the real loop, driver, stand-in and edges through whatever happens, watched at every instant. */
import { Agent } from 'node:http'
import { startCloudFrontLocal, type CloudFrontLocal } from '../../../cloudfront-local/start.ts'
import { seededRandom } from '../../../cloudfront-local/propagation/random.ts'
import { COLORS, type Color } from '../../api/names.ts'
import type { Spec, Status } from '../../api/release.ts'
import type { Rules } from '../../core/plan.ts'
import { ConflictError, TransientError } from '../../edges/errors.ts'
import type { Ask, Pointer } from '../../edges/ports.ts'
import type { PassReport } from '../../reconcile.ts'
import { backoffMs } from '../../runtime/clock.ts'
import { behaviorOf, CrashError, SimulatedWorld, versionOf, type Seen } from '../simulated-world.ts'
import { Watchman } from '../watchman.ts'
import { AT_LAST, CODES, DISTRIBUTION, SPECS, type Action, type Part, type Walk } from './actions.ts'
import { askEdges, HOST, PATHS, type UserAnswer } from './edges.ts'
import { exchange } from './exchange.ts'
import { Fleet } from './fleet.ts'
import { Mirror, type Written } from './mirror.ts'
import { askAt, newPointer, OperatorProcess } from './operator-process.ts'
import { Timeline } from './timeline.ts'
import { Wire, type WireEnd } from './wire.ts'

const START = Date.parse('2026-01-01T00:00:00Z')
const EDGES = 3
const USUAL_PROPAGATION = { minMs: 1000, maxMs: 20_000 }
/** As the operator's queue waits between passes that throw. */
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
  tamper?: (standIn: { etag: () => string }) => NonNullable<WireEnd['tamper']>
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
    now: () => START,
    log: () => undefined,
    resolve: COLORS.map((color) => `${originHost(color)}=${fleet.serviceAddress(color)}:${fleet.port}`),
    seed: [
      {
        id: DISTRIBUTION,
        aliases: [HOST],
        origins: COLORS.map((color) => ({ id: `housing-${color}`, domainName: originHost(color) })),
        behaviors: Object.keys(PATHS).map((pathPattern) => ({ pathPattern, targetOriginId: 'housing-blue' })),
      },
    ],
  })
  let walker: Walker | undefined
  try {
    walker = new Walker(stage, standIn, { plan, mistake, etag: await newestEtag(standIn) })
    await walker.walk()
  } catch (error) {
    if (!(error instanceof ShownError)) throw error
  } finally {
    await standIn.close(0)
  }
  const { violations = [], lines = [], updates = 0 } = walker ?? {}
  return { violations, lines, updates }
}

async function newestEtag({ adminUrl }: CloudFrontLocal): Promise<string> {
  const { body } = await exchange(`${adminUrl}/distributions`, {})
  const [{ etag } = { etag: '' }] = JSON.parse(body.toString()) as { etag: string }[]
  return etag
}

function originHost(color: Color): string {
  return `${color}.${HOST}`
}

class Walker {
  readonly lines: string[] = []
  updates = 0
  readonly #stage: Stage
  readonly #standIn: CloudFrontLocal
  readonly #plan: Walk
  readonly #mistake: Mistake
  readonly #random: () => number
  readonly #world: SimulatedWorld
  readonly #watch: Watchman
  readonly #mirror: Mirror
  readonly #time: Timeline
  readonly #ask: Ask
  #operator: OperatorProcess
  #awayMs = 2000
  #failures = 0
  #count = 0
  #turn = 0
  #nonce = 0
  /** Moves that the driver was asked for and that CloudFront has not accepted. */
  #asked: { token: string; names: string }[] = []
  /** Revisions whose gates have passed. */
  readonly #proven = new Set<string>()
  /** Users who were answered once. */
  readonly #answered = new Set<string>()
  #probed = ''

  constructor(
    stage: Stage,
    standIn: CloudFrontLocal,
    { plan, mistake, etag }: { plan: Walk; mistake: Mistake; etag: string },
  ) {
    this.#stage = stage
    this.#standIn = standIn
    this.#plan = plan
    this.#mistake = mistake
    this.#random = seededRandom(plan.seed)
    const { fleet } = stage
    this.#world = new SimulatedWorld({
      spec: this.#served(SPECS['version 1']),
      addressOf: (pod) => fleet.addressOf(pod),
    })
    this.#watch = new Watchman(this.#world)
    this.#noteWrites()
    this.#mirror = new Mirror({
      edges: EDGES,
      etag,
      targets: Object.fromEntries(Object.keys(PATHS).map((part) => [part, 'housing-blue'])),
      onUpdate: (entry) => this.#judgeUpdate(entry),
      onInvalidation: () => this.#world.observer({ type: 'Invalidate' }),
    })
    this.#mirror.show(this.#world)
    this.#time = new Timeline({
      start: this.#world.now,
      nextEvent: () => this.#world.nextEvent(),
      onStop: (now, passedMs) => this.#stop(now, passedMs),
    })
    this.#ask = askAt((hostname) => this.#placeOf(hostname))
    fleet.inhabit(this.#world)
    const tamper = mistake.tamper?.({ etag: () => this.#mirror.etag })
    stage.wire.connect({
      apiUrl: standIn.apiUrl,
      later: (ms, deliver) => this.#time.in(ms, deliver),
      onWrite: (ifMatch) => this.#judgeWrite(ifMatch),
      ...(tamper ? { tamper } : {}),
    })
    this.#operator = this.#born()
  }

  get violations(): string[] {
    return this.#watch.violations
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
    this.#world.apply(this.#served(AT_LAST))
    await this.#rest()
    this.#judgeEnd(await this.#probe())
  }

  // ---- What happens ------------------------------------------------------------------------------------------------

  async #do(action: Action): Promise<void> {
    switch (action.type) {
      case 'Apply':
        this.#world.apply(this.#served(SPECS[action.spec]))
        break
      case 'Command':
        this.#nonce += 1
        this.#world.command(action.verb, String(this.#nonce))
        break
      case 'Crash':
        this.#awayMs = action.awaySeconds * 1000
        this.#operator.dieAt(action.atPoint)
        break
      case 'TimePasses':
        await this.#untilLater(action.seconds * 1000)
        break
      case 'LoseWrite':
        this.#stage.wire.add({ type: 'Lost' })
        break
      case 'DelayWrite':
        this.#stage.wire.add({ type: 'Late', ms: action.seconds * 1000 })
        break
      case 'HoldEdge':
        await this.#admin('POST', `/edges/${action.edge}/hold`)
        this.#time.in(action.seconds * 1000, () => this.#admin('POST', `/edges/${action.edge}/release`))
        break
      default:
        await this.#doAtAws(action)
    }
  }

  async #doAtAws(
    action: Extract<
      Action,
      { type: 'PointElsewhere' | 'Comment' | 'EtagBump' | 'Refuse' | 'DropAnswer' | 'Propagation' }
    >,
  ): Promise<void> {
    switch (action.type) {
      case 'PointElsewhere':
        return this.#pointElsewhere(action.parts, action.color)
      case 'Comment':
        this.#nonce += 1
        return this.#foreignWrite({ comment: `note ${this.#nonce}` })
      case 'EtagBump':
        return this.#admin('POST', `/distributions/${DISTRIBUTION}/etag-bump`)
      case 'Refuse':
        return this.#admin('POST', '/faults', {
          operation: action.operation,
          code: action.code,
          status: CODES[action.code],
          times: action.times,
        })
      case 'DropAnswer':
        return this.#admin('POST', '/faults', { operation: 'UpdateDistribution', dropAfterCommit: true })
      case 'Propagation':
        return this.#admin('PUT', '/propagation', { minMs: 1000, maxMs: action.slowestSeconds * 1000 })
    }
  }

  /** Nobody points users at what does not answer rightly: what came of it would be his doing. */
  async #pointElsewhere(parts: Part | 'all', color: Color): Promise<void> {
    if (!this.#isGood(color)) return
    for (const pathPattern of parts === 'all' ? Object.keys(PATHS) : [parts])
      await this.#foreignWrite({ pathPattern, targetOriginId: `housing-${color}` })
  }

  /** Whether the color would answer users rightly now. */
  #isGood(color: Color): boolean {
    const { deployments, services } = this.#world
    const stored = deployments[color]?.stored
    const isRight = stored && behaviorOf(stored) === 'right' && this.#proven.has(stored.revision)
    return isRight === true && services[color] !== undefined && this.#world.isAvailable(color)
  }

  async #foreignWrite(change: object): Promise<void> {
    await this.#admin('POST', `/distributions/${DISTRIBUTION}/foreign-write`, change)
  }

  /** All faults end; what is on its way arrives in its time. */
  async #putRight(): Promise<void> {
    this.#say('-- all faults end')
    await this.#admin('DELETE', '/faults')
    await this.#admin('POST', '/edges/all/release')
    await this.#admin('PUT', '/propagation', USUAL_PROPAGATION)
    this.#stage.wire.calm()
    this.#operator.dieAt(Infinity)
    await this.#look('the end of all faults')
  }

  /** What the message of a pointer that nobody knows asks a person to do. */
  async #helpByHand(): Promise<void> {
    const named = new Set(Object.values(this.#mirror.targets))
    if (named.size === 1) return
    this.#say('-- a person points every behavior at one color')
    for (const color of COLORS) if (named.size > 1) await this.#pointElsewhere('all', color)
    await this.#look('a person')
  }

  async #admin(method: string, path: string, body?: object): Promise<void> {
    const { status, body: told } = await exchange(`${this.#standIn.adminUrl}${path}`, {
      method,
      agent: this.#stage.agent,
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    if (status >= 300) throw new Error(`${path}: ${told.toString()}`)
  }

  // ---- The operator ------------------------------------------------------------------------------------------------

  #born(): OperatorProcess {
    const random = this.#random
    const clock = this.#time.clock(random, () => born.isDead)
    const pointer = newPointer(this.#stage.wire.url, clock, () => {
      if (born.isDead) throw new CrashError('a dead operator')
    })
    const noted = this.#noteMoves(pointer)
    const born: OperatorProcess = new OperatorProcess({
      world: this.#world,
      pointer: this.#mistake.pointer?.(noted) ?? noted,
      ask: this.#ask,
      now: () => this.#time.now,
      onWait: () => this.#takeNews(),
      report: (report) => this.#report(report),
      rules: this.#mistake.rules,
    })
    return born
  }

  /** Every move that is asked for is to be found in the audit log once, if at all. */
  #noteMoves(pointer: Pointer): Pointer {
    return {
      ...pointer,
      move: (release, step) => {
        this.#asked.push({ token: step.token, names: step.names })
        return pointer.move(release, step)
      },
    }
  }

  async #passes(count: number): Promise<void> {
    for (let done = 0; done < count; done += 1) await this.#pass()
  }

  /** Passes until so much time is over. */
  async #untilLater(ms: number): Promise<void> {
    const until = this.#time.now + ms
    while (this.#time.now < until) await this.#pass(until)
  }

  /** One pass, and the time until the next. */
  async #pass(atMost = Infinity): Promise<void> {
    const recheckMs = await this.#passOnce()
    const wake = Math.min(this.#time.now + recheckMs, this.#world.nextEvent() ?? Infinity, atMost)
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
      return 'recheckMs' in result ? Math.min(result.recheckMs, RELIST_MS) : RELIST_MS
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

  #report({ rule, step, did, status, before }: PassReport): void {
    if (!step && status.phase === before?.phase) return
    const refused = did?.type === 'Refused' ? `: refused, ${did.message}` : ''
    this.#say(`   ${rule ?? 'nothing'}${step ? ` → ${step}` : ''}${refused} (${status.phase ?? ''})`)
  }

  // ---- Time and what is seen ---------------------------------------------------------------------------------------

  async #stop(now: number, passedMs: number): Promise<void> {
    await this.#admin('POST', '/clock/advance', { ms: passedMs })
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
    const state = JSON.stringify([
      this.#mirror.applied,
      COLORS.map((color) => this.#world.servingPods(color).map(({ name }) => name)),
    ])
    if (state !== this.#probed) {
      this.#probed = state
      for (const answer of await this.#probe()) this.#judgeAnswer(answer, after)
    }
    if (this.violations.length > 0) throw new ShownError()
  }

  #probe(): Promise<UserAnswer[]> {
    return askEdges(this.#standIn.edgeUrls, this.#stage.agent)
  }

  /** The rest of the world sees only numbers; users come by name, at any edge. */
  #placeOf(hostname: string): { origin: string; host?: string } | undefined {
    const { fleet } = this.#stage
    const { edgeUrls } = this.#standIn
    if (hostname === HOST) return { origin: edgeUrls[this.#turn++ % edgeUrls.length] ?? '', host: HOST }
    const color = COLORS.find((one) => hostname === `service-${one}` || hostname === originHost(one))
    return color && { origin: `http://${fleet.serviceAddress(color)}:${fleet.port}` }
  }

  #served(spec: Spec): Spec {
    return { ...spec, port: this.#stage.fleet.port }
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

  #noteWrites(): void {
    const watchman = this.#world.observer
    this.#world.observer = (seen: Seen) => {
      if (seen.type === 'Status') this.#noteProof(seen.status)
      watchman(seen)
    }
  }

  #noteProof({ attempt, gates }: Status): void {
    if (attempt && gates?.key === attempt.id && gates.result === 'Passed') this.#proven.add(attempt.revision)
  }

  #judgeAnswer({ edge, path, status, pod: name, revision }: UserAnswer, after: string): void {
    const user = `a user of ${path} at edge ${edge}`
    if (name === undefined) {
      // Nobody is promised anything before the first release has reached him.
      if (this.#answered.has(user)) this.#wrong(`${user} gets ${status} from nobody after ${after}`)
      return
    }
    this.#answered.add(user)
    const pod = this.#world.pods.find((one) => one.name === name)
    if (!pod || !this.#world.isReady(pod)) {
      this.#wrong(`${user} is answered by ${name}, which is not ready`)
      return
    }
    const behavior = behaviorOf(pod.stored)
    if (!this.#proven.has(pod.stored.revision) || behavior === 'wrong' || behavior === 'impostor')
      this.#wrong(
        `${user} is answered by version ${versionOf(pod.stored)} (${behavior}), which no gate has passed`,
      )
    // The model that edges cannot reach is right for all that a gate can see.
    if (behavior === 'lost-through-edges') return
    if (status !== 200 || revision !== pod.stored.revision)
      this.#wrong(`${user} gets ${status} from revision ${revision ?? 'none'}, and not from that of ${name}`)
  }

  /** At the instant at which a write leaves: unless it is too late already, everything must be ready for it. */
  #judgeWrite(ifMatch: string): void {
    this.#takeNews()
    const { token, names } = this.#asked.at(-1) ?? { token: '', names: '' }
    if (ifMatch !== token) this.#wrong(`a write guarded by ${ifMatch} was never decided on`)
    const to = this.#world.colorNamed(names)
    if (to && ifMatch === this.#mirror.etag) this.#world.observer({ type: 'Move', to, names, token })
  }

  #judgeUpdate({ ifMatch = '', targets = [], changed = [], version }: Written): void {
    this.updates += 1
    this.#say(
      `   version ${version}: ${targets.map(({ pathPattern, to }) => `${pathPattern} → ${to ?? ''}`).join(', ')}`,
    )
    const asked = this.#asked.filter(({ token }) => token === ifMatch)
    // What is accepted once is never accepted again, so a second write of one move would need a second decision.
    this.#asked = this.#asked.filter(({ token }) => token !== ifMatch)
    if (asked.length === 0) this.#wrong(`version ${version} was written without an observation to decide on`)
    if (targets.length === 0) this.#wrong(`version ${version} moves nothing`)
    if (targets.some(({ to }) => asked.every(({ names }) => names !== to)))
      this.#wrong(`version ${version} leads where nobody wanted it`)
    const others = changed.filter((path) => !path.endsWith('/TargetOriginId'))
    if (others.length > 0) this.#wrong(`version ${version} changes ${others.join(', ')}, too`)
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
    const hasNoWay = isStuck && !COLORS.some((color) => this.#isGood(color))
    const end = reasonOf('Ready') ?? reasonOf('Stalled')
    this.#say(`at rest: ${end ?? reconciling}`)
    if (end === undefined && !hasNoWay) this.#wrong(`not settled: ${reconciling}`)
    if (this.violations.length > 0) throw new ShownError()
  }

  #judgeEnd(answers: readonly UserAnswer[]): void {
    this.#watch.rest()
    const { attempt, conditions } = this.#world.status ?? {}
    if (attempt?.outcome !== 'Promoted')
      this.#wrong(`the last spec is not promoted: ${JSON.stringify(conditions)}`)
    for (const { edge, path, revision = 'none' } of answers)
      if (revision !== attempt?.revision)
        this.#wrong(`${path} at edge ${edge} is answered by ${revision} at last`)
  }
}
