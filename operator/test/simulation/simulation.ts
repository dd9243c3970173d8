/** Runs the real reconcile over a simulated world until nothing happens any more, and writes down what happened. */
import { ConflictError, TransientError } from '../../ports/errors.ts'
import { COLORS } from '../../api/names.ts'
import type { Rules } from '../../planner/plan.ts'
import { ActionFailures, type ReconcileReport, type ReconcileResult } from '../../reconcile.ts'
import { passOver } from './pass-over.ts'
import { CrashError, SimulatedWorld, type Fault } from '../fakes/simulated-world.ts'
import type { Spec } from '../../api/release.ts'
import { InvariantChecker } from './invariant-checker.ts'

/** Something that users or other writers do at rest or in the middle of a release. */
export interface Act {
  /** A sentence for the transcript. */
  tell: string
  /** When: at rest, or as soon as this holds after a reconcile. */
  when?: (world: SimulatedWorld) => boolean
  do: (world: SimulatedWorld) => void
}

export interface Story {
  title: string
  spec: Spec
  /** How the world was before the release came, where that matters. */
  before?: (world: SimulatedWorld) => void
  acts: Act[]
}

export interface Ran {
  world: SimulatedWorld
  /** How it ended, without the way there: what stands in each color, the pointer, the attempt's outcome, the claim. */
  end: string[]
  transcript: string
  /** Violations of what must hold at every instant. */
  violations: string[]
}

export interface RunOptions {
  fault?: Fault
  rules?: Rules
  /** The transcript that is expected: the run ends at the first line that differs. */
  golden?: string
}

/** The run went another way than its golden. */
export class DeviationError extends Error {
  override readonly name = 'DeviationError'
}

/** A world that changes after this many reconciles will never rest: a hot loop. */
const MAX_PASSES = 3000
/** So many reconciles in a row that wrote nothing, and nothing due: only a person changes anything. */
const QUIET_PASSES = 120
/** Looking again sooner than this, for ever, is a hot loop. */
const HOT_MS = 250
/** Looking again later than this, with nothing due before, is rest: blocked releases look again for ever. */
const LONG_MS = 30_000
const RETIREMENT_MS = 1_200_000

export async function run(story: Story, options: RunOptions = {}): Promise<Ran> {
  const world = new SimulatedWorld({ spec: story.spec, ...(options.fault ? { fault: options.fault } : {}) })
  story.before?.(world)
  const teller = new TranscriptWriter(world, options.golden?.split('\n').slice(1))
  const watch = new InvariantChecker(world)
  const runner = new Runner(world, { teller, watch, ...(options.rules ? { rules: options.rules } : {}) })
  await runner.rest(story.acts[0])
  for (const [index, act] of story.acts.entries()) {
    teller.line(`-- ${act.tell}`)
    act.do(world)
    watch.expect()
    await runner.rest(story.acts[index + 1])
  }
  teller.rest()
  watch.rest()
  return {
    world,
    end: endOf(world),
    transcript: `# ${story.title}\n${teller.lines.join('\n')}\n`,
    violations: watch.violations,
  }
}

function endOf(world: SimulatedWorld): string[] {
  const { attempt, liveColor = 'none', conditions = [], observedGeneration = 0 } = world.status ?? {}
  const { id, direction, outcome = 'running', reason = '' } = attempt ?? {}
  return [
    ...standing(world),
    `pointer ${JSON.stringify(world.pointer.targets)}`,
    `attempt ${String(id)} ${String(direction)} ${outcome} ${reason}`,
    `status of generation ${observedGeneration}, live ${liveColor}`,
    ...conditions.map((one) => `${one.type} ${one.status} ${one.reason}`),
    `claimed by ${world.claimedBy ?? 'nobody'}`,
    `stored ${world.stored.map((one) => one.attempt).join(' ')}`,
    `pinned ${[...world.pins].map(([revision, { ownership }]) => `${revision} ${ownership}`).join(', ')}`,
  ]
}

function standing(world: SimulatedWorld): string[] {
  return COLORS.map((color) => {
    const deployment = world.deployments[color]
    const what = deployment
      ? `${deployment.replicas} pods of ${world.describe(color)}, ${deployment.ownership}`
      : 'empty'
    return `${color} ${what}${world.budgets[color] ? ', with a budget' : ''}`
  })
}

/** The transcript: one line per decision, in virtual seconds since the start; repeated waiting is told once. */
class TranscriptWriter {
  readonly lines: string[] = []
  private readonly world: SimulatedWorld
  private readonly start: number
  private phase = ''

  private readonly expected: string[] | undefined

  constructor(world: SimulatedWorld, expected: string[] | undefined) {
    this.world = world
    this.start = world.now
    this.expected = expected
  }

  line(text: string): void {
    const seconds = ((this.world.now - this.start) / 1000).toFixed(1).padStart(7)
    const line = `${seconds}  ${text}`
    if (this.lines.at(-1)?.slice(9) === text) return
    if (this.expected && this.expected[this.lines.length] !== line)
      throw new DeviationError(`${line} instead of ${this.expected[this.lines.length] ?? 'the end'}`)
    this.lines.push(line)
  }

  pass(report: ReconcileReport): void {
    const { rule, result, action } = report
    if (rule && (action ?? report.status !== report.before))
      this.line(`${rule}${action ? ` → ${action}` : ''}${outcomeOf(result)}`)
    this.status(report)
  }

  private status({ status }: ReconcileReport): void {
    const ready = status.conditions?.find((one) => one.type === 'Ready')
    const stalled = status.conditions?.find((one) => one.type === 'Stalled')
    const phase = `${status.phase ?? ''}, live ${status.liveColor ?? 'none'}, Ready ${ready?.status ?? ''} (${ready?.reason ?? ''})${stalled ? `, Stalled (${stalled.reason})` : ''}`
    if (phase !== this.phase) this.line(`   ${phase}`)
    this.phase = phase
  }

  rest(): void {
    const { world } = this
    for (const line of standing(world)) this.line(`at rest: ${line}`)
    this.line(`at rest: users get ${world.userAnswers().join(', ')}`)
    for (const { outcome, reason } of [...(world.status?.history ?? [])].reverse())
      this.line(`history: ${outcome} (${reason ?? ''})`)
    for (const happening of world.happenings)
      this.lines.push(`  event: ${happening.type} ${happening.reason}`)
  }
}

function outcomeOf(did: ReconcileReport['result']): string {
  if (did?.type === 'GatesRan') return `: ${did.results.map((one) => `${one.name} ${one.result}`).join(', ')}`
  if (did?.type === 'Verified') return `: ${did.result.type}`
  if (did?.type === 'Refused') return `: refused, ${did.reason}`
  return ''
}

class Runner {
  private readonly world: SimulatedWorld
  private readonly teller: TranscriptWriter
  private readonly watch: InvariantChecker
  private readonly rules: Rules | undefined
  /** The process that looked at the release last, and what failed in it. */
  private seenBy = -1
  private failures = new ActionFailures()
  private passes = 0
  private quiet = { passes: 0, writes: 0 }

  constructor(
    world: SimulatedWorld,
    { teller, watch, rules }: { teller: TranscriptWriter; watch: InvariantChecker; rules?: Rules },
  ) {
    this.world = world
    this.teller = teller
    this.watch = watch
    this.rules = rules
  }

  /** Passes until nothing is due any more, or until the next act's time has come. */
  async rest(next: Act | undefined): Promise<void> {
    for (;;) {
      const result = await this.pass()
      if (next?.when?.(this.world)) return
      const wakeAt = this.wakeAt(result)
      if (wakeAt === undefined) return
      this.advance(wakeAt)
    }
  }

  private async pass(): Promise<ReconcileResult> {
    this.passes += 1
    if (this.passes > MAX_PASSES)
      throw new Error(`never at rest; the last lines:\n${this.teller.lines.slice(-12).join('\n')}`)
    try {
      return await this.reconcile()
    } catch (error) {
      if (error instanceof CrashError) this.world.restarts += 1
      else if (!(error instanceof ConflictError || error instanceof TransientError)) throw error
      return { requeueAfterMs: 5 }
    } finally {
      this.watch.look(this.teller.lines.at(-1) ?? 'the start')
    }
  }

  private reconcile(): Promise<ReconcileResult> {
    const { world } = this
    const seen = this.seenBy === world.restarts
    if (!seen) this.failures = new ActionFailures()
    this.seenBy = world.restarts
    return passOver(world, {
      seenBefore: () => seen,
      failures: this.failures,
      report: (_release, report) => this.teller.pass(report),
      ...(this.rules ? { rules: this.rules } : {}),
    })
  }

  private wakeAt(result: ReconcileResult): number | undefined {
    const event = this.world.nextEvent()
    const recheck = 'requeueAfterMs' in result ? this.world.now + result.requeueAfterMs : undefined
    if (event === undefined && this.isQuiet(result)) return undefined
    const isRest = recheck === undefined || (recheck - this.world.now >= LONG_MS && this.blocked())
    if (isRest) return event
    if (recheck - this.world.now > RETIREMENT_MS) return event
    return event === undefined ? recheck : Math.min(event, recheck)
  }

  private isQuiet(result: ReconcileResult): boolean {
    const writes = this.world.writes.length
    this.quiet = { writes, passes: writes === this.quiet.writes ? this.quiet.passes + 1 : 0 }
    if (this.quiet.passes < QUIET_PASSES) return false
    if ('requeueAfterMs' in result && result.requeueAfterMs < HOT_MS)
      throw new Error(`a hot loop; the last lines:\n${this.teller.lines.slice(-12).join('\n')}`)
    return true
  }

  /** What a person must do is looked for again and again; only a person changes anything. */
  private blocked(): boolean {
    return (
      this.world.status?.conditions?.some(
        ({ type, status, reason }) =>
          type === 'Stalled' ||
          (type === 'Drifted' && status === 'True') ||
          (type === 'Warned' && reason === 'FallbackBehind' && this.world.fallbackRefused !== undefined),
      ) ?? false
    )
  }

  private advance(instant: number): void {
    // Passes at one instant are a little apart, as real ones are.
    this.world.advanceTo(Math.max(instant, this.world.now + 1))
    this.watch.look('time passing')
  }
}
