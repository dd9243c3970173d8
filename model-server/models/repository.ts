/** All models and versions of the server. */
import type { ModelConfig } from '../config/model-config.ts'
import { RequestError } from '../http/request-error.ts'
import { ModelSlot } from './model-slot.ts'
import type { SlotParts } from './model-slot.ts'

/** Finds slots by name and version. The first model is the one that routes without a name answer for, and no other takes its place. */
export class Repository {
  readonly #parts: SlotParts
  readonly #slots: ModelSlot[] = []
  /** Those of a name, the newest version first. */
  readonly #versions = new Map<string, ModelSlot[]>()
  /** Why the server is not ready although its models are; undefined when it is. */
  gate: () => string | undefined = () => undefined

  constructor(models: readonly ModelConfig[], parts: SlotParts) {
    this.#parts = parts
    for (const config of models) this.#add(config, { required: true })
  }

  /** In the order of the configuration; those loaded later come last. */
  get slots(): readonly ModelSlot[] {
    return this.#slots
  }

  /** Of the models that can be asked for, in the same order. */
  get names(): string[] {
    return [...new Set(this.#slots.filter(isThere).map(({ name }) => name))]
  }

  /** The slot that routes without a model's name use. */
  get default(): ModelSlot {
    const [first] = this.#slots
    if (!first) throw new RequestError(503, 'the server has no model')
    if (!this.has(first.name)) {
      throw new RequestError(503, `the model '${first.name}', which answers where none is named, is unloaded`)
    }
    return this.find(first.name)
  }

  /**
   * The slot of a model. Where no version is asked for, the one configured as default, or else the newest that is loaded:
   * versions that are integers come before others, and among those the order of the configuration counts.
   * @throws RequestError 404 naming what there is
   */
  find(name: string | undefined, version?: string): ModelSlot {
    if (name === undefined) return this.default
    const versions = this.#versions.get(name)
    const slot = versions && (version === undefined ? preferred(versions) : versionOf(versions, version))
    if (slot) return slot
    const there = this.#slots.filter(isThere).map((known) => `'${known.name}' version '${known.version}'`)
    const asked = version === undefined ? `'${name}'` : `'${name}' version '${version}'`
    throw new RequestError(
      404,
      `unknown model: expected ${there.join(', ') || 'none, there is none'}, got ${asked}`,
    )
  }

  /** Whether `find` would find one. */
  has(name: string | undefined, version?: string): boolean {
    if (name === undefined) return this.#slots[0] !== undefined && this.has(this.#slots[0].name)
    const versions = this.versions(name)
    return version === undefined ? versions.some(isThere) : versionOf(versions, version) !== undefined
  }

  /** All versions of a model, the newest first; also those that are unloaded. */
  versions(name: string): readonly ModelSlot[] {
    return this.#versions.get(name) ?? []
  }

  /** Those of a model that can be asked now, the newest first. */
  loadedVersions(name: string): string[] {
    return this.versions(name)
      .filter(({ state }) => state.type === 'Loaded')
      .map(({ version }) => version)
  }

  /** Free every model; to be called once the last answer is given. */
  async close(): Promise<void> {
    await Promise.all(
      this.#slots.map(async ({ state }) => {
        if (state.type === 'Loaded') await state.model.close()
      }),
    )
  }

  /** Fetch and load every model; each goes its own way, and one that fails holds up no other. */
  async load(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.loadInTheEnd(signal)))
  }

  /**
   * Load a version, or load it again, from where and how `config` says; see ModelSlot.load.
   * The server stays ready while a version that is new to it loads, and where it fails to.
   */
  async loadOne(config: ModelConfig): Promise<void> {
    const known = this.versions(config.name).find((slot) => slot.version === config.version)
    await (known ?? this.#add(config, { required: false })).load(config)
  }

  #add(config: ModelConfig, { required }: { required: boolean }): ModelSlot {
    const isServing = (): boolean => this.#slots.some(({ state }) => state.type === 'Loaded')
    const slot = new ModelSlot(config, this.#parts, { required, isServing })
    this.#slots.push(slot)
    // sort is stable: versions without an order of their own keep that of the configuration.
    this.#versions.set(slot.name, [...this.versions(slot.name), slot].sort(newestFirst))
    return slot
  }
}

function preferred(versions: readonly ModelSlot[]): ModelSlot | undefined {
  let first: ModelSlot | undefined
  let loaded: ModelSlot | undefined
  for (const slot of versions) {
    if (!isThere(slot)) continue
    if (slot.config.isDefault) return slot
    first ??= slot
    if (slot.state.type === 'Loaded') loaded ??= slot
  }
  return loaded ?? first
}

function versionOf(versions: readonly ModelSlot[], version: string): ModelSlot | undefined {
  return versions.find((slot) => slot.version === version && isThere(slot))
}

/** To those who ask, an unloaded model is one that never was. */
function isThere({ state }: ModelSlot): boolean {
  return state.type !== 'Unloading' && state.type !== 'Unloaded'
}

function newestFirst(a: ModelSlot, b: ModelSlot): number {
  return numberOf(b) - numberOf(a) || 0
}

// -1 puts what is no number behind what is.
function numberOf({ version }: ModelSlot): number {
  return /^\d{1,15}$/.test(version) ? Number(version) : -1
}
