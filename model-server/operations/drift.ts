/** Whether what a model is asked looks like what it was trained on, feature by feature. */
import type { Tensors } from '../execution/executor.ts'
import type { FrameMapping } from '../tensor/frame-mapping.ts'
import type { Signature } from '../tensor/tensor.ts'
import { binOf } from './drift-reference.ts'
import type { FeatureReference } from './drift-reference.ts'
import { histogramSamples } from './series.ts'
import type { Labels, Sample } from './series.ts'

/** Rows of one request that are looked at, evenly spaced, so that no request takes long. */
const ROWS_PER_REQUEST = 64
/** The index speaks of this many of the latest rows, at least, once there are as many; and at most of twice as many. */
const WINDOW_ROWS = 10_000
/** With fewer rows chance alone moves the index: by about (bins - 1) / rows, here 0.02. */
const LEAST_ROWS = 500
/** Stands for no value at all in a bin, whose logarithm would be infinite. */
const LEAST_SHARE = 1e-4

/** Where a feature's values lie among the inputs: every `stride`-th from `offset`. */
type Place = { input: string; offset: number; stride: number }

/** The features of one model. */
export class Drift {
  readonly #features: readonly { reference: FeatureReference; place: Place; seen: Seen }[]

  /** @throws Error where the model has no such feature */
  constructor(references: readonly FeatureReference[], signature: Signature, frame: FrameMapping | string) {
    this.#features = references.map((reference) => ({
      reference,
      place: placeOf(reference.name, signature, frame),
      seen: new Seen(reference),
    }))
  }

  /** Look at inputs that were checked against the signature. */
  readonly observe = (inputs: Tensors): void => {
    for (const { place, seen } of this.#features) {
      const data = inputs.get(place.input)?.data
      if (!data) continue
      const rows = data.length / place.stride
      const step = place.stride * Math.ceil(rows / ROWS_PER_REQUEST)
      for (let at = place.offset; at < data.length; at += step) seen.add(Number(data[at]))
    }
  }

  /** The histogram of each feature, under the edges of its reference. */
  values(name: string, labels: Labels): Sample[] {
    return this.#features.flatMap(({ reference, seen }) =>
      seen.histogram(name, { ...labels, feature: reference.name }),
    )
  }

  /** Values that were NaN, which no bin holds. */
  missing(labels: Labels): Sample[] {
    return this.#features.map(({ reference, seen }) => ({
      labels: { ...labels, feature: reference.name },
      value: seen.missing,
    }))
  }

  /** The population stability index of each feature that enough rows were seen of. */
  stability(labels: Labels): Sample[] {
    return this.#features.flatMap(({ reference, seen }) => {
      const counts = seen.latest()
      const rows = counts.reduce((sum, count) => sum + count, 0)
      if (rows < LEAST_ROWS) return []
      const value = populationStability(
        reference.shares,
        counts.map((count) => count / rows),
      )
      return [{ labels: { ...labels, feature: reference.name }, value }]
    })
  }
}

/** The values of one feature: all since the start, and the latest. */
class Seen {
  readonly #edges: Float64Array
  readonly #all: Float64Array
  #window: Float64Array
  #windowRows = 0
  #before: Float64Array
  #sum = 0
  missing = 0

  constructor({ edges }: FeatureReference) {
    this.#edges = Float64Array.from(edges)
    this.#all = new Float64Array(edges.length + 1)
    this.#window = new Float64Array(edges.length + 1)
    this.#before = new Float64Array(edges.length + 1)
  }

  add(value: number): void {
    if (Number.isNaN(value)) {
      this.missing += 1
      return
    }
    const bin = binOf(this.#edges, value)
    this.#all[bin] = (this.#all[bin] ?? 0) + 1
    this.#window[bin] = (this.#window[bin] ?? 0) + 1
    this.#sum += value
    this.#windowRows += 1
    if (this.#windowRows === WINDOW_ROWS) this.#turn()
  }

  latest(): number[] {
    return Array.from(this.#window, (count, bin) => count + (this.#before[bin] ?? 0))
  }

  histogram(name: string, labels: Labels): Sample[] {
    return histogramSamples(name, labels, { bounds: this.#edges, counts: this.#all, sum: this.#sum })
  }

  #turn(): void {
    this.#before = this.#window
    this.#window = new Float64Array(this.#all.length)
    this.#windowRows = 0
  }
}

/** 0 where both are the same; by custom below 0.1 is no change, above 0.25 a large one. */
export function populationStability(expected: readonly number[], actual: readonly number[]): number {
  return expected.reduce((sum, share, bin) => {
    const wanted = Math.max(share, LEAST_SHARE)
    const came = Math.max(actual[bin] ?? 0, LEAST_SHARE)
    return sum + (came - wanted) * Math.log(came / wanted)
  }, 0)
}

/** A column of the model's one matrix, or an input of its own. */
function placeOf(feature: string, { inputs }: Signature, frame: FrameMapping | string): Place {
  if (typeof frame !== 'string') {
    const offset = frame.columns.indexOf(feature)
    if (offset >= 0) return { input: frame.input, offset, stride: frame.columns.length }
    throw new Error(`expected features among ${frame.columns.join(', ')}, got '${feature}'`)
  }
  const input = inputs.find(({ name }) => name === feature)
  const [, width = 1, ...more] = input?.shape ?? []
  if (input && input.datatype !== 'BYTES' && width === 1 && more.length === 0) {
    return { input: feature, offset: 0, stride: 1 }
  }
  throw new Error(`'${feature}' is neither a column nor an input with one number a row`)
}
