/** Slots whose stores and models a test controls: bytes are text, and a model answers with nothing. */
import pino from 'pino'
import type { ModelConfig } from '../config/model-config.ts'
import { Admission } from '../execution/admission.ts'
import type { SlotParts } from '../models/model-slot.ts'
import type { ServedModel } from '../models/served-model.ts'
import { Metrics } from '../operations/metrics.ts'
import { ModelRefused } from '../sources/fetched-model.ts'

/** A version at a path that is named after it. */
export function modelConfig(name: string, version: string, more: Partial<ModelConfig> = {}): ModelConfig {
  const config: Partial<ModelConfig> = {
    name,
    version,
    isDefault: false,
    location: { type: 'File', path: `/${name}/${version}` },
    sha256: undefined,
    maxBytes: 1000,
    columns: undefined,
    warmUp: [],
    maxQueue: 10,
    ...more,
  }
  // The settings of serving are of no matter to fakes.
  return config as ModelConfig
}

/**
 * A store of texts by path. A path that is not there cannot be had yet; the text `bad` is refused; `hold` lets nobody have
 * anything until it is called again.
 */
export class FakeStore {
  readonly texts = new Map<string, string>()
  /** Texts of models that were closed, in order. */
  readonly closed: string[] = []
  /** Of each model that was built, whether others were served meanwhile. */
  readonly builtWhileServing: boolean[] = []
  readonly parts: SlotParts
  #gate: PromiseWithResolvers<undefined> | undefined

  constructor() {
    this.parts = {
      metrics: new Metrics({ name: undefined, color: undefined, revision: undefined }, () => true),
      log: pino({ level: 'silent' }),
      fetchModel: async (location, { signal }) => {
        await this.#gate?.promise
        signal.throwIfAborted()
        const text = location.type === 'File' ? this.texts.get(location.path) : undefined
        if (text === undefined) throw new Error('not there')
        return { bytes: Buffer.from(text), columns: undefined }
      },
      buildModel: ({ bytes }, config, { metrics, isServing }) => {
        this.builtWhileServing.push(isServing())
        const text = bytes.toString()
        if (text === 'bad') return Promise.reject(new ModelRefused('it is bad'))
        const model: Partial<ServedModel> = {
          name: config.name,
          version: config.version,
          sha256: text,
          signature: { inputs: [], outputs: [] },
          admission: new Admission(config.maxQueue ?? 100),
          metrics,
          unavailableBecause: () => undefined,
          close: () => {
            this.closed.push(text)
            return Promise.resolve()
          },
        }
        return Promise.resolve(model as ServedModel)
      },
    }
  }

  hold(): void {
    this.#gate = Promise.withResolvers()
  }

  letGo(): void {
    this.#gate?.resolve(undefined)
    this.#gate = undefined
  }
}
