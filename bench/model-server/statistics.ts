/** What is said about the numbers of several rounds: the middle one, and how far the others lie apart. */
export type Spread = { median: number; min: number; max: number }

/** Median, least and most; of an even number of values the median is the mean of the middle two. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const [min, max] = [sorted.at(0), sorted.at(-1)]
  if (min === undefined || max === undefined) throw new Error('no values')
  return { median: percentileOf(sorted, 50), min, max }
}

/** A percentile of values in ascending order, interpolated between the two nearest. */
export function percentileOf(sorted: readonly number[], percent: number): number {
  const at = ((sorted.length - 1) * percent) / 100
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]]
  if (low === undefined || high === undefined) throw new Error('no values')
  return low + (high - low) * (at - Math.floor(at))
}

/** Round by round, so that what slowed the machine down for a while slowed both sides. */
export function ratios(values: readonly number[], by: readonly number[]): number[] {
  return values.map((value, round) => {
    const divisor = by[round]
    if (divisor === undefined || divisor === 0) throw new Error(`round ${round + 1} has nothing to divide by`)
    return value / divisor
  })
}

/** The slope of the least-squares line through the points. */
export function slopeOf(points: readonly { x: number; y: number }[]): number {
  const mean = (pick: (point: { x: number; y: number }) => number): number =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)]
  const above = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0)
  const below = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0)
  if (below === 0) throw new Error('a slope needs points at two places')
  return above / below
}
