/** What must hold at every instant, whatever happens: looked at after every reconcile, at every tick and at every write. */
import { COLORS, type Color } from '../../api/names.ts'
import type { Attempt, GateReport, Spec, Status } from '../../api/release.ts'
import { AFTER, keyOf } from '../../planner/state/persisted-state.ts'
import { pinReadBy } from '../../planner/manifests/children.ts'
import { attemptIdOf, meaningOf } from '../../planner/model/revision.ts'
import { badAdvice } from '../advice.ts'
import type { Seen, SimulatedWorld } from '../fakes/simulated-world.ts'

/** An answer may be on its way for as long as the origin may take; the world's pointers say 30 seconds. */
const ANSWER_MS = 30_000

/** Of these, what a model server goes on answering for when its pod is told to end: 5 s as before, then what it owes for 20 s. */
const SERVER_ENDS_MS = 25_000

/** For so long a candidate may hold room that the live color lacks, with the time that nobody looked. */
const LONGEST_SHORT_MS = 180_000

export class InvariantChecker {
  readonly violations: string[] = []
  private answered = false
  private shortSince: number | undefined
  /** Which Deployment of each color was last routed to by any edge, and when. */
  private readonly routed: Partial<Record<Color, { uid: string; at: number }>> = {}
  private readonly world: SimulatedWorld

  constructor(world: SimulatedWorld) {
    this.world = world
    world.observer = (seen) => this.write(seen)
  }

  /** What somebody else broke on purpose is not the operator's doing. */
  expect(): void {
    this.answered = this.allAnswered()
    this.noteRoutes()
  }

  /** Users who were answered once must be answered at every instant, at every edge. */
  look(after: string): void {
    this.noteRoutes()
    this.roomFirst()
    if (this.answered && !this.allAnswered())
      this.say(`after ${after}: users get ${this.world.userAnswers().join(', ')}`)
    this.answered = this.allAnswered()
    for (const color of COLORS) this.sameModel(color)
  }

  /** Whatever a revision was proven with, no pod of it answers with another model from then on. */
  private sameModel(color: Color): void {
    const { world } = this
    const { deployments, pins } = world
    const revision = deployments[color]?.stored.revision
    if (revision === undefined || !pins.has(revision) || !world.isRouted(color)) return
    const files = new Set(world.servingPods(color).map(({ file }) => file))
    if (files.size > 1) this.say(`${color} answers with ${[...files].join(' and ')} under one revision`)
  }

  /** Nothing but what serves and what may take over stands when nothing happens any more. */
  rest(): void {
    const { world } = this
    const idle = COLORS.filter((color) => world.deployments[color] && !world.isRouted(color))
    if (idle.length > 1) this.say(`at rest: ${idle.join(' and ')} stand and do not serve`)
    const stored = new Set(world.stored.map(({ revision }) => revision))
    const left = [...world.pins.keys()].filter((revision) => !stored.has(revision))
    if (left.length > 0) this.say(`at rest: a pin of ${left.join(' and ')} is left`)
    this.budgeted()
  }

  /** Where there is no room for all, a candidate does not keep it from what is live. */
  private roomFirst(): void {
    const { now } = this.world
    const candidate = this.candidate()
    const keepsRoom = candidate !== undefined && this.podsOf(candidate) > 0 && this.liveLacksRoom()
    this.shortSince = keepsRoom ? (this.shortSince ?? now) : undefined
    if (this.shortSince === undefined || now - this.shortSince <= LONGEST_SHORT_MS) return
    this.say(`${candidate ?? ''} has held room for minutes that the live color lacks`)
    this.shortSince = undefined
  }

  private liveLacksRoom(): boolean {
    const { pods, room, status } = this.world
    const live = status?.liveColor
    const isFull = live !== undefined && live !== this.candidate() && pods.length >= room
    return isFull && !this.isHeldUp() && this.podsOf(live) < this.world.replicasOf(live)
  }

  /** The color that is being built and has never served. */
  private candidate(): Color | undefined {
    const { builds, outcome } = this.world.status?.attempt ?? {}
    return builds === undefined || outcome || this.world.isRouted(builds) ? undefined : builds
  }

  private podsOf(color: Color): number {
    return this.world.pods.filter((pod) => pod.color === color && !pod.goneAt).length
  }

  /** Nothing is given up while the pointer cannot be read, a Deployment cannot be written, or something is to be mended first. */
  private isHeldUp(): boolean {
    const { failing, pointerBlind, pointerTrouble, status } = this.world
    const isStalled = status?.conditions?.some(({ type }) => type === 'Stalled') === true
    return isStalled || failing.size > 0 || pointerBlind !== undefined || pointerTrouble !== undefined
  }

  /** What serves has a budget, and nothing else, when nothing happens any more. */
  private budgeted(): void {
    const { budgetsCanBeMade, status } = this.world
    const isAsPromoted = status?.conditions?.some(({ reason }) => reason === 'AsPromoted') === true
    if (!budgetsCanBeMade || !isAsPromoted || status.attempt?.outcome !== 'Promoted') return
    for (const color of COLORS) this.budgetedRightly(color)
  }

  private budgetedRightly(color: Color): void {
    const { budgets, deployments, services } = this.world
    const isServing = deployments[color] !== undefined && this.world.isRouted(color)
    if (isServing !== (budgets[color] !== undefined))
      this.say(`at rest: ${color} ${isServing ? 'serves without' : 'does not serve and has'} a budget`)
    if (isServing && budgets[color]?.ownership !== services[color]?.ownership)
      this.say(`at rest: the budget of ${color} outlives the release, or its Service does`)
  }

  private say(what: string): void {
    this.violations.push(what)
  }

  private noteRoutes(): void {
    const { deployments, now } = this.world
    for (const color of COLORS) {
      const uid = deployments[color]?.uid
      if (uid && this.world.isRouted(color)) this.routed[color] = { uid, at: now }
    }
  }

  private allAnswered(): boolean {
    // Where a foreign writer points at nothing of ours, there is nothing that we could keep.
    const { brokenDown } = this.world
    const excused = ['nothing is named', ...(brokenDown ? [`no pod behind ${brokenDown}`] : [])]
    return this.world
      .userAnswers()
      .every((answer) => answer.startsWith('version') || excused.includes(answer))
  }

  private write(seen: Seen): void {
    switch (seen.type) {
      case 'Scale':
        this.scaling(seen)
        break
      case 'Remove':
        this.removing(seen.color)
        break
      case 'Move':
        this.moving(seen)
        break
      case 'Fallback':
        this.fallingBack(seen.names)
        break
      case 'Invalidate':
        if (this.world.pointer.due.length > 0)
          this.say('invalidated while an edge could cache the old answer again')
        break
      case 'Status':
        this.claiming(seen.status)
        this.advising(seen.status)
        this.telling(seen.status)
        break
    }
  }

  private scaling({ color, from, to }: Extract<Seen, { type: 'Scale' }>): void {
    const { world } = this
    const moving = world.status?.traffic?.intent !== undefined || world.pointer.due.length > 0
    if (to < from && moving && world.isRouted(color))
      this.say(`${color} serves and was shrunk from ${from} to ${to} while the pointer moves`)
  }

  private removing(color: Color): void {
    const { world } = this
    if (world.isRouted(color)) this.say(`${color} was removed while it is routed to`)
    if (world.status?.traffic?.intent?.to === color) this.say(`${color} was removed with an intent to it`)
    const last = this.routed[color]
    const since = last?.uid === world.deployments[color]?.uid ? world.now - (last?.at ?? -Infinity) : Infinity
    if (since < this.drainMs(color)) this.say(`${color} was removed ${since} ms after it last served`)
  }

  private drainMs(color: Color): number {
    const isServer = this.world.deployments[color]?.stored.identity === 'Headers'
    return ANSWER_MS - (isServer ? SERVER_ENDS_MS : 0)
  }

  private moving(move: Extract<Seen, { type: 'Move' }>): void {
    const { to, names } = move
    const { world } = this
    if (this.isWithdrawal(move)) return
    if (to === 'adopted') {
      this.movingToAdopted(move)
      return
    }
    if (world.colorNamed(names) !== to) this.say(`${to} is not what ${names} leads to`)
    // Bringing back a pointer that is gone changes nothing for anyone but for the better.
    const targets = Object.values(world.pointer.targets)
    const isGone = targets.length === 0 && world.pointer.kind === 'Service'
    if (!this.mayTakeOver(to, isGone)) this.say(`the pointer was moved to ${to}, which is not available`)
    if (isGone) return
    this.steady(to)
    if (targets.length > 0 && targets.every((name) => name === names))
      this.say(`the pointer names ${names} already`)
    this.proven(move)
    if (world.budgetsCanBeMade && !world.budgets[to]) this.say(`moved to ${to}, which has no budget`)
  }

  /** Forward only to a color that is whole; on the way back one pod is enough. */
  private mayTakeOver(color: Color, isGone: boolean): boolean {
    const { world } = this
    const isBack = isGone || world.status?.attempt?.direction === 'Back'
    return isBack ? world.isAnswering(color) : world.isAvailable(color)
  }

  /** Forward, every container has been up for as long as the spec asks. */
  private steady(to: Color): void {
    const { spec, status } = this.world
    if (status?.attempt?.direction === 'Back') return
    const ms = this.world.steadyForMs(to)
    if (ms < spec.minReadySeconds * 1000) this.say(`moved to ${to}, which had been ready for ${ms} ms`)
  }

  /** All clients back to where most of them are: nothing needs to be proven for it. */
  private isWithdrawal({ to, names, token }: Extract<Seen, { type: 'Move' }>): boolean {
    const { pointer, share, status } = this.world
    if (!share || Object.values(pointer.targets)[0] !== names) return false
    const intent = status?.traffic?.intent
    if (intent?.to !== to || intent.token !== token || intent.weight !== undefined)
      this.say('brought back without an intent that says so')
    return true
  }

  private fallingBack(names: string): void {
    const { pointer, status } = this.world
    if (Object.values(pointer.targets)[0] !== names && Object.keys(pointer.targets).length > 0)
      this.say(`the behaviors were to name ${names}, and the key does not`)
    if (status?.traffic?.intent) this.say(`the behaviors were moved while the key moves`)
  }

  private movingToAdopted({ names, token }: Extract<Seen, { type: 'Move' }>): void {
    const { adopted, intent } = this.world.status?.traffic ?? {}
    if (adopted !== names) this.say(`${names} is not what the pointer was taken over from`)
    if (intent?.token !== token || intent.to !== 'adopted')
      this.say('moved back without an intent that says so')
  }

  private proven({ to, token }: Pick<Extract<Seen, { type: 'Move' }>, 'to' | 'token'>): void {
    const { attempt, traffic } = this.world.status ?? {}
    const intent = traffic?.intent
    if (intent?.to !== to || intent.token !== token || intent.attempt !== (attempt && keyOf(attempt)))
      this.say(`moved to ${to} without an intent that says so`)
    this.asked(to)
    this.held()
    if (to !== 'adopted') this.pinned(to)
  }

  /** Forward, later pods of the color load what its gates were asked of. */
  private pinned(to: Color): void {
    const { deployments, pins, status } = this.world
    const stored = deployments[to]?.stored
    if (!stored || status?.attempt?.direction === 'Back' || pinReadBy(stored.template) === undefined) return
    if (!pins.has(stored.revision)) this.say(`moved to ${to}, whose model is not pinned`)
  }

  /** Every pod of the color has passed the gates, after each step of a canary anew. */
  private asked(to: Color | 'adopted'): void {
    const { pods, share, status } = this.world
    const { attempt, gates = { key: '', result: 'Unknown', pods: [] } } = status ?? {}
    const key = `${attempt ? keyOf(attempt) : ''}${share ? `${AFTER}${share.weight}` : ''}`
    if (gates.key !== key || !isProof(gates.result, attempt)) this.say(`moved to ${to} without its gates`)
    const asked = new Set(gates.pods)
    const there = pods.filter((pod) => pod.color === to && !pod.goneAt)
    const unasked = there.filter((pod) => !asked.has(pod.name))
    // On the way back one pod that was asked is enough.
    const isProven = attempt?.direction === 'Back' ? unasked.length < there.length : unasked.length === 0
    if (!isProven) this.say(`moved to ${to}, of which ${unasked.length} pods were not asked`)
  }

  private held(): void {
    const { now, pointer, share, status } = this.world
    const { weight, until = '' } = status?.traffic?.canary ?? {}
    const rest = this.world.colorNamed(Object.values(pointer.targets)[0] ?? '')
    const isLost = rest !== undefined && !this.world.isAnswering(rest)
    if (share && !isLost && !(weight === share.weight && Date.parse(until) <= now))
      this.say(`moved on from ${share.weight} % before its time was over`)
  }

  /** No credential stands in anything that was written, and no part of one. */
  private telling(status: Status): void {
    const { credentials, happenings, stored } = this.world
    const written = JSON.stringify([status, happenings, stored])
    for (const value of credentials)
      for (const part of value.split(' '))
        if (part.length > 6 && written.includes(part)) this.say(`a credential is told: ${part}`)
  }

  private advising({ command, conditions = [] }: Status): void {
    for (const { message } of [...conditions, ...(command ? [command] : [])]) {
      const advice = badAdvice(message)
      if (advice !== undefined) this.say(`a message advises to ${advice}: ${message}`)
    }
  }

  /** A waiting CI job must never read the outcome of another spec. */
  private claiming({ attempt, conditions, observedGeneration }: Status): void {
    const { world } = this
    const isReady = conditions?.some((one) => one.type === 'Ready' && one.status === 'True')
    if (isReady && attempt?.outcome !== 'Promoted') this.say('Ready before it was promoted')
    if (!attempt) return
    if (!isOf(attempt, world.specs.get(observedGeneration ?? 0)))
      this.say(`the status claims attempt ${attempt.id} for generation ${observedGeneration ?? 'none'}`)
    if (conditions?.some((one) => one.observedGeneration !== observedGeneration))
      this.say('a condition speaks of another generation than the status')
  }
}

/** Whether an attempt tries what a spec says. */
function isOf({ id, meaning }: Attempt, spec: Spec | undefined): boolean {
  return spec !== undefined && (attemptIdOf(spec) === id || meaningOf(spec) === meaning)
}

/** On the way back gates whose Secret is gone stand in nobody's way. */
function isProof(result: GateReport['result'], attempt: Attempt | undefined): boolean {
  return result === 'Passed' || (result === 'NotAsked' && attempt?.direction === 'Back')
}
