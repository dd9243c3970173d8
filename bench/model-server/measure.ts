/** What a part of the benchmark hands back, and what becomes of it: a line of JSON and a row of a table. */
import { spreadOf } from './statistics.ts'

/** What a number should be. `least` and `most` are held against the median. */
export type Target = { least: number } | { most: number }

/** One number, as often as it was taken. */
export type Measure = {
  name: string
  /** Behind the number in the table; empty for a ratio. */
  unit: string
  values: readonly number[]
  target?: Target
  /** What a reader must know about it. */
  note?: string
}

/** The measures of a part, with the machine that they were taken on. */
export type PartResult = {
  part: string
  /** ISO 8601, UTC. */
  at: string
  machine: Readonly<Record<string, string>>
  measures: readonly Measure[]
}

/** Whether the median is what it should be; undefined where nothing is asked of it. */
export function isMet({ values, target }: Measure): boolean | undefined {
  if (target === undefined) return undefined
  const { median } = spreadOf(values)
  return 'least' in target ? median >= target.least : median <= target.most
}

/** By how much of the target it was missed: 0.1 is a tenth. */
export function missedBy(measure: Measure): number {
  const { target } = measure
  if (target === undefined || isMet(measure) === true) return 0
  const { median } = spreadOf(measure.values)
  return 'least' in target ? 1 - median / target.least : median / target.most - 1
}
