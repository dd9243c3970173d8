/** What runs of a model take, by the size of what is asked. */
import type { Tensors } from './executor.ts'

/** Sizes within one step are alike: four steps to twice the size. */
const STEPS = 4
/** What a slower run weighs in the mean of its step, and what a faster one: a model that is slow now and again is a slow one. */
const WEIGHT_OF_SLOWER = 1 / 4
const WEIGHT_OF_FASTER = 1 / 64
/** A run that takes so many times as long may be the machine's fault, unless there was another among the latest so many. */
const OUTLIER = 8
const BETWEEN_OUTLIERS = 32
/** How the time grows at most with the size, where nothing larger was seen: attention takes its square. */
const POWER = 2

/**
 * How much there is to read: elements, and for texts their characters too. Dimensions alone say it only for models whose inputs
 * all grow alike.
 */
export function sizeOf(inputs: Tensors): number {
  let size = 0
  for (const { data } of inputs.values()) {
    size += data.length
    if (Array.isArray(data)) for (const text of data) size += text.length
  }
  return size
}

/** Learns from every run. Bounded, whatever sizes come. */
export class Costs {
  readonly #seconds: (number | undefined)[] = []
  /** Runs since the last outlier, by step. */
  readonly #since: number[] = []

  /** A run over so much took this long. */
  learn(size: number, seconds: number): void {
    const step = stepOf(size)
    const known = this.#seconds[step]
    if (known === undefined) {
      this.#seconds[step] = seconds
      return
    }
    const since = this.#since[step] ?? Infinity
    const isOutlier = seconds > OUTLIER * known
    this.#since[step] = isOutlier ? 0 : since + 1
    if (isOutlier && since > BETWEEN_OUTLIERS) return
    this.#seconds[step] = known + (seconds - known) * (seconds > known ? WEIGHT_OF_SLOWER : WEIGHT_OF_FASTER)
  }

  /** What a run over so much will take, in seconds, rather too long than too short; Infinity where nothing is known. */
  expect(size: number): number {
    const step = stepOf(size)
    return this.#seconds[step] ?? this.#between(step)
  }

  #between(step: number): number {
    const above = this.#seconds.find((seconds, at) => at > step && seconds !== undefined)
    for (let at = step - 1; at >= 0; at -= 1) {
      const seconds = this.#seconds[at]
      if (seconds === undefined) continue
      return Math.min(seconds * 2 ** ((POWER * (step - at)) / STEPS), above ?? Infinity)
    }
    return above ?? Infinity
  }
}

function stepOf(size: number): number {
  return Math.ceil(Math.log2(size + 1) * STEPS)
}
