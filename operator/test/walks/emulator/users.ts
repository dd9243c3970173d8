/** What users may be answered: by whom, how, and each of them as before. */
import type { Color } from '../../../api/names.ts'
import type { Status } from '../../../api/release.ts'
import type { Route } from '../../../adapters/aws/key-value-store/value.ts'
import { behaviorOf, versionOf, type Pod, type SimulatedWorld } from '../../fakes/simulated-world.ts'
import { PATHS, type UserAnswer } from './edges.ts'
import type { Mirror } from './mirror.ts'

type UsersOptions = {
  world: SimulatedWorld
  mirror: Mirror
  /** Told of everything that must not be. */
  wrong: (what: string) => void
}

/** Between these weights a client is in the share or not; what was seen of it. */
type Place = { inAt: number; outAt: number }

export class Users {
  readonly #options: UsersOptions
  /** Revisions whose gates have passed. */
  readonly #proven = new Set<string>()
  /** Users who were answered once. */
  readonly #answered = new Set<string>()
  /** Of each client in each canary. */
  readonly #places = new Map<string, Place>()
  /** By what the share of a version is to be made of, where that is not what stands in it. */
  readonly #canaries = new Map<string, string>()

  constructor(options: UsersOptions) {
    this.#options = options
  }

  noteProof({ attempt, gates }: Status): void {
    if (attempt && gates?.key === attempt.id && gates.result === 'Passed') this.#proven.add(attempt.revision)
  }

  /** The clients of a share with this salt are to be those of every other share of the canary. */
  noteCanary(salt: string, canary: string): void {
    this.#canaries.set(salt, canary)
  }

  /** Whether the color would answer users rightly now. */
  isGood(color: Color): boolean {
    const { deployments, services } = this.#options.world
    const stored = deployments[color]?.stored
    const isRight = stored && behaviorOf(stored) === 'right' && this.#proven.has(stored.revision)
    return isRight === true && services[color] !== undefined && this.#options.world.isAvailable(color)
  }

  judge(answer: UserAnswer, after: string): void {
    const { edge, part, user, status, pod: name } = answer
    const who = `${user ?? 'a user'} of ${PATHS[part]} at edge ${edge}`
    if (name === undefined) {
      // Nobody is promised anything before the first release has reached him.
      if (this.#answered.has(who)) this.#wrong(`${who} gets ${status} from nobody after ${after}`)
      return
    }
    this.#answered.add(who)
    const { world } = this.#options
    const pod = world.pods.find((one) => one.name === name)
    if (!pod || !world.isReady(pod)) {
      this.#wrong(`${who} is answered by ${name}, which is not ready`)
      return
    }
    this.#judgePod(who, pod, answer)
    this.#judgeWay(who, pod.color, answer)
  }

  #judgePod(who: string, { name, stored }: Pod, { status, revision }: UserAnswer): void {
    const behavior = behaviorOf(stored)
    if (!this.#proven.has(stored.revision) || behavior === 'wrong' || behavior === 'impostor')
      this.#wrong(
        `${who} is answered by version ${versionOf(stored)} (${behavior}), which no gate has passed`,
      )
    // The model that edges cannot reach is right for all that a gate can see.
    if (behavior === 'lost-through-edges') return
    if (status !== 200 || revision !== stored.revision)
      this.#wrong(`${who} gets ${status} from revision ${revision ?? 'none'}, and not from that of ${name}`)
  }

  /** By the color that the edge's own configuration leads to, and by the share that the client has been in before. */
  #judgeWay(who: string, color: Color, { edge, part, user }: UserAnswer): void {
    const { mirror, world } = this.#options
    const route = mirror.key?.at(edge)
    const names = route
      ? [route.live, route.canary?.origin ?? '']
      : [mirror.distribution.at(edge)[part] ?? '']
    const colors = names.map((name) => world.colorNamed(name))
    if (!colors.includes(color))
      this.#wrong(`${who} is answered by ${color}, and led to ${names.join(' or ')}`)
    const [live, shared] = colors
    if (route?.canary && shared && shared !== live)
      this.#judgePlace(user, { ...route.canary, isIn: color === shared })
  }

  #judgePlace(
    user: string | undefined,
    { salt = '', header, isIn, weight }: NonNullable<Route['canary']> & { isIn: boolean },
  ): void {
    const client = (header === undefined ? undefined : user) ?? 'whoever has the address'
    const key = `${this.#canaries.get(salt) ?? salt} ${client}`
    const { inAt, outAt } = this.#places.get(key) ?? { inAt: Infinity, outAt: 0 }
    const place = isIn ? { inAt: Math.min(inAt, weight), outAt } : { inAt, outAt: Math.max(outAt, weight) }
    this.#places.set(key, place)
    if (place.inAt <= place.outAt)
      this.#wrong(
        `${client} is in the share at ${place.inAt} % and not in it at ${place.outAt} % of the same canary`,
      )
  }

  #wrong(what: string): void {
    this.#options.wrong(what)
  }
}
