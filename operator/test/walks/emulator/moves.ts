/** Every move that is asked for is to be found in the audit log once, if at all, as it was asked for, and decided in time. */
import type { Action } from '../../../planner/model/observation.ts'
import type { Pointer } from '../../../ports/ports.ts'
import { readValue } from '../../../adapters/aws/key-value-store/value.ts'
import type { SimulatedWorld } from '../../fakes/simulated-world.ts'
import type { Mirror, Written } from './mirror.ts'

type MovesOptions = {
  world: SimulatedWorld
  /** Told of what happens, and of everything that must not. */
  say: (line: string) => void
  wrong: (what: string) => void
  /** Told by which salt a share was written, and by which it was asked for. */
  noteCanary: (written: string, asked: string) => void
}

type StepOf<Type extends Action['type']> = Extract<Action, { type: Type }>
type Asked = StepOf<'MovePointer'> | StepOf<'MoveFallback'>

export class Moves {
  /** Accepted from the operator. */
  accepted = 0
  readonly #options: MovesOptions
  /** What the driver was asked for and what was not accepted. */
  #asked: Asked[] = []

  constructor(options: MovesOptions) {
    this.#options = options
  }

  /** The same driver, with what it is asked for noted. */
  noted(pointer: Pointer): Pointer {
    const noted: Pointer = {
      ...pointer,
      move: (release, step) => {
        this.#asked.push(step)
        return pointer.move(release, step)
      },
    }
    if (!pointer.moveFallback) return noted
    return {
      ...noted,
      moveFallback: (release, step) => {
        this.#asked.push(step)
        return pointer.moveFallback?.(release, step) ?? Promise.resolve()
      },
    }
  }

  /** At the instant at which a write leaves: unless it is too late already, everything must be ready for it. */
  leaves(ifMatch: string, { distribution, key }: Mirror): void {
    const { world, wrong } = this.#options
    const asked = this.#asked.at(-1)
    if (asked?.token !== ifMatch) {
      wrong(`a write guarded by ${ifMatch} was never decided on`)
      return
    }
    const { names, token } = asked
    if (asked.type === 'MoveFallback') {
      if (ifMatch === distribution.etag) world.observer({ type: 'Fallback', names })
      return
    }
    const to = world.colorNamed(names)
    if (to && ifMatch === (key ?? distribution).etag) world.observer({ type: 'Move', to, names, token })
  }

  judge(entry: Written): void {
    this.accepted += 1
    const asked = this.#asked.filter(({ token }) => token === entry.ifMatch)
    // What is accepted once is never accepted again, so a second write of one move would need a second decision.
    this.#asked = this.#asked.filter(({ token }) => token !== entry.ifMatch)
    if (asked.length === 0)
      this.#options.wrong(`version ${entry.version} was written without an observation to decide on`)
    if (entry.store !== undefined) this.#judgeKey(entry, asked)
    else this.#judgeBehaviors(entry, asked)
  }

  #judgeBehaviors({ targets = [], changed = [], version }: Written, asked: readonly Asked[]): void {
    const { say, wrong } = this.#options
    say(
      `   version ${version}: ${targets.map(({ pathPattern, to }) => `${pathPattern} → ${to ?? ''}`).join(', ')}`,
    )
    if (targets.length === 0) wrong(`version ${version} moves nothing`)
    if (targets.some(({ to }) => asked.every(({ names }) => names !== to)))
      wrong(`version ${version} leads where nobody wanted it`)
    const others = changed.filter((path) => !path.endsWith('/TargetOriginId'))
    if (others.length > 0) wrong(`version ${version} changes ${others.join(', ')}, too`)
  }

  #judgeKey({ keys = [], puts = {}, version }: Written, asked: readonly Asked[]): void {
    const { say, wrong, noteCanary } = this.#options
    const [key = ''] = keys
    say(`   the store's version ${version}: ${key} = ${puts[key] ?? 'nothing'}`)
    if (keys.length !== 1) wrong(`version ${version} of the store changes ${keys.join(', ')}`)
    const wanted = asked
      .filter((step) => step.type === 'MovePointer')
      .find((step) => isWritten(step, puts[key]))
    if (!wanted) wrong(`version ${version} of the store leads where nobody wanted it`)
    noteCanary(readValue(puts[key])?.canary?.salt ?? '', wanted?.salt ?? '')
  }
}

/** Which clients a share is of is seen by what they get. */
function isWritten({ live, names, weight }: StepOf<'MovePointer'>, value: string | undefined): boolean {
  if (value === undefined) return names === ''
  const route = readValue(value)
  if (weight === undefined) return route?.live === names && !route.canary
  return route?.live === live && route?.canary?.origin === names && route.canary.weight === weight
}
