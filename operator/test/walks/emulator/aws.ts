/** What AWS, the way to it and other writers do, done to the emulator and to the wire. */
import type { Agent } from 'node:http'
import type { CloudFrontLocal } from '../../../../cloudfront-local/start.ts'
import type { Color } from '../../../api/names.ts'
import { CODES, type AwsAction } from './actions.ts'
import { PARTS, USER_HEADER, type Part } from './edges.ts'
import { exchange } from './exchange.ts'
import type { Mirror } from './mirror.ts'
import { STORE } from './sites.ts'
import { DISTRIBUTION, KEY } from './specs.ts'
import type { Wire } from './wire.ts'

type ActionOf<Type extends AwsAction['type']> = Extract<AwsAction, { type: Type }>

export type AwsOptions = {
  standIn: CloudFrontLocal
  agent: Agent
  wire: Wire
  mirror: Mirror
  /** Does it when so much time has passed. */
  later: (ms: number, act: () => Promise<void>) => void
  /** Whether a color, or what an origin leads to, would answer users rightly now. */
  isGood: (color: Color) => boolean
  leadsToGood: (origin: string) => boolean
}

export const USUAL_PROPAGATION = { minMs: 1000, maxMs: 20_000 }

/** Asks the admin API of the emulator. */
export async function admin(
  { adminUrl }: Pick<CloudFrontLocal, 'adminUrl'>,
  path: string,
  { method = 'POST', body, agent }: { method?: string; body?: object; agent?: Agent } = {},
): Promise<unknown> {
  const { status, body: told } = await exchange(`${adminUrl}${path}`, {
    method,
    ...(agent ? { agent } : {}),
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (status >= 300) throw new Error(`${path}: ${told.toString()}`)
  return told.length === 0 ? undefined : JSON.parse(told.toString())
}

export class Aws {
  readonly #options: AwsOptions
  #notes = 0

  constructor(options: AwsOptions) {
    this.#options = options
  }

  async do(action: AwsAction): Promise<void> {
    const { wire } = this.#options
    switch (action.type) {
      case 'LoseWrite':
        wire.add({ type: 'Lost' })
        return
      case 'DelayWrite':
        wire.add({ type: 'Late', ms: action.seconds * 1000 })
        return
      case 'Overtake':
        wire.add({ type: 'Overtaken', by: () => this.#overtake() })
        return
      case 'HoldEdge':
        return this.#hold(action)
      case 'Propagation':
        return this.#propagate({ ...USUAL_PROPAGATION, maxMs: action.slowestSeconds * 1000 })
      case 'Refuse':
      case 'DropAnswer':
        return this.#fail(action)
      default:
        return this.#write(action)
    }
  }

  /** Nobody points users at what does not answer rightly: what came of it would be his doing. */
  async pointElsewhere(parts: Part | 'all', color: Color): Promise<void> {
    if (!this.#options.isGood(color)) return
    for (const pathPattern of parts === 'all' ? PARTS : [parts])
      await this.#writeDistribution({ pathPattern, targetOriginId: `housing-${color}` })
  }

  /** Lets time pass for the emulator. */
  async advance(ms: number): Promise<void> {
    await this.#admin('/clock/advance', { ms })
  }

  /** All faults end; what is on its way arrives in its time. */
  async calm(): Promise<void> {
    const { agent, standIn, wire } = this.#options
    await admin(standIn, '/faults', { method: 'DELETE', agent })
    await this.#admin('/edges/all/release')
    await this.#propagate(USUAL_PROPAGATION)
    wire.calm()
  }

  async #hold({ edge, seconds }: ActionOf<'HoldEdge'>): Promise<void> {
    await this.#admin(`/edges/${edge}/hold`)
    this.#options.later(seconds * 1000, () => this.#admin(`/edges/${edge}/release`))
  }

  async #propagate(range: { minMs: number; maxMs: number }): Promise<void> {
    const { agent, standIn } = this.#options
    await admin(standIn, '/propagation', { method: 'PUT', body: range, agent })
  }

  #fail(action: ActionOf<'Refuse' | 'DropAnswer'>): Promise<void> {
    const { operation } = action
    if (action.type === 'DropAnswer') return this.#admin('/faults', { operation, dropAfterCommit: true })
    const { code, times } = action
    return this.#admin('/faults', { operation, code, status: CODES[code], times })
  }

  async #write(
    action: ActionOf<'PointElsewhere' | 'WriteKey' | 'SpoilKey' | 'Comment' | 'OtherKey' | 'EtagBump'>,
  ): Promise<void> {
    this.#notes += 1
    switch (action.type) {
      case 'PointElsewhere':
        return this.pointElsewhere(action.parts, action.color)
      case 'WriteKey':
        return this.#writeKey(action)
      case 'SpoilKey':
        return this.#spoilKey(action)
      case 'Comment':
        return this.#writeDistribution({ comment: `note ${this.#notes}` })
      case 'OtherKey':
        return this.#writeStore({ puts: { other: `note ${this.#notes}` } })
      case 'EtagBump':
        return this.#admin(`/distributions/${DISTRIBUTION}/etag-bump`)
    }
  }

  async #overtake(): Promise<void> {
    await this.#write({ type: 'Comment' })
    if (this.#options.mirror.key) await this.#write({ type: 'OtherKey' })
  }

  async #writeKey({ color, weight }: ActionOf<'WriteKey'>): Promise<void> {
    const { isGood, leadsToGood, mirror } = this.#options
    const origin = `housing-${color}`
    const live = mirror.key?.newest?.live ?? ''
    if (!isGood(color) || (weight > 0 && !leadsToGood(live))) return
    const canary = { origin, weight, salt: `by hand ${this.#notes}`, header: USER_HEADER }
    const value = weight > 0 ? { v: 1, live, canary } : { v: 1, live: origin }
    await this.#writeStore({ puts: { [KEY]: JSON.stringify(value) } })
  }

  async #spoilKey({ how }: ActionOf<'SpoilKey'>): Promise<void> {
    const { leadsToGood, mirror } = this.#options
    const { distribution, key } = mirror
    const origins = distribution.current.flatMap((targets) => Object.values(targets))
    if (!origins.every(leadsToGood)) return
    if (how === 'Garble') await this.#writeStore({ puts: { [KEY]: '{"v":2' } })
    else if (key?.newest) await this.#writeStore({ deletes: [KEY] })
  }

  #writeStore(change: object): Promise<void> {
    return this.#admin(`/key-value-stores/${STORE}/foreign-write`, change)
  }

  #writeDistribution(change: object): Promise<void> {
    return this.#admin(`/distributions/${DISTRIBUTION}/foreign-write`, change)
  }

  async #admin(path: string, body?: object): Promise<void> {
    const { agent, standIn } = this.#options
    await admin(standIn, path, { agent, ...(body ? { body } : {}) })
  }
}
