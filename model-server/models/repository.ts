/** All models and versions of the server. */
import { RequestError } from '../http/request-error.ts'
import type { ModelSlot } from './model-slot.ts'

/** Finds slots by name and version. The first model is the one that routes without a name answer for. */
export class Repository {
  readonly slots: readonly ModelSlot[]

  constructor(slots: readonly ModelSlot[]) {
    this.slots = slots
  }

  /** The slot that routes without a model's name use. */
  get default(): ModelSlot {
    const [first] = this.slots
    if (!first) throw new RequestError(503, 'the server has no model')
    return first
  }

  /**
   * The slot of a model; of its versions the first one configured where none is asked for.
   * @throws RequestError 404 naming what there is
   */
  find(name: string | undefined, version?: string): ModelSlot {
    if (name === undefined) return this.default
    const slot = this.slots.find(
      ({ config }) => config.name === name && (version === undefined || config.version === version),
    )
    if (slot) return slot
    const known = this.slots.map(({ config }) => `'${config.name}' version '${config.version}'`).join(', ')
    const asked = version === undefined ? `'${name}'` : `'${name}' version '${version}'`
    throw new RequestError(404, `unknown model: expected ${known}, got ${asked}`)
  }

  /** Fetch and load every model; each goes its own way, and one that fails holds up no other. */
  async load(signal: AbortSignal): Promise<void> {
    await Promise.all(this.slots.map((slot) => slot.load(signal)))
  }
}
