/** What the features of a model looked like when it was trained: how often a value fell between which bounds. */
import { got } from '../config/values.ts'
import { isObject } from '../protocols/json-value.ts'

/** One feature. `shares` has one more than `edges`: of values up to each edge, and above the last; they add up to 1. */
export type FeatureReference = { name: string; edges: readonly number[]; shares: readonly number[] }

/** Bins of a reference that is made here: deciles. */
const BINS = 10
const MAX_EDGES = 100
/** How far rounding may take the sum of shares from 1. */
const TOLERANCE = 0.01

/**
 * `{"features": {name: {"edges": [], "shares": []}}}`.
 * @throws Error naming the feature, what was expected and what came
 */
export function parseDriftReference(text: string): FeatureReference[] {
  const file = JSON.parse(text) as unknown
  const features = isObject(file) ? file.features : undefined
  if (!isObject(features)) throw new Error(`expected {"features": {…}}, ${got(file)}`)
  return Object.entries(features).map(([name, feature]) => {
    try {
      return readFeature(name, feature)
    } catch (cause) {
      throw new Error(`feature '${name}': ${(cause as Error).message}`, { cause })
    }
  })
}

/**
 * The reference of a feature with these values, in bins with about as many values each. A feature with few different values gets
 * fewer bins: what is one value in training cannot be told apart.
 */
export function referenceOf(name: string, values: readonly number[]): FeatureReference {
  const sorted = values.toSorted((a, b) => a - b)
  const quantiles = Array.from(
    { length: BINS - 1 },
    (_, index) => sorted[Math.ceil(((index + 1) * sorted.length) / BINS) - 1] ?? 0,
  )
  const edges = [...new Set(quantiles)]
  const counts = new Array<number>(edges.length + 1).fill(0)
  for (const value of values) {
    const bin = binOf(edges, value)
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  return { name, edges, shares: counts.map((count) => count / values.length) }
}

/** As `parseDriftReference` reads it. */
export function writeDriftReference(features: readonly FeatureReference[]): string {
  const entries = features.map(({ name, edges, shares }) => [
    name,
    { edges, shares: shares.map((share) => Math.round(share * 1e6) / 1e6) },
  ])
  return `${JSON.stringify({ features: Object.fromEntries(entries) as unknown }, undefined, 2)}\n`
}

/** In which bin a value lies; edges belong to the bin below them. */
export function binOf(edges: ArrayLike<number>, value: number): number {
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value > (edges[middle] ?? 0)) low = middle + 1
    else high = middle
  }
  return low
}

function readFeature(name: string, feature: unknown): FeatureReference {
  const edges = isObject(feature) ? feature.edges : undefined
  const shares = isObject(feature) ? feature.shares : undefined
  if (!isNumbers(edges) || !isNumbers(shares)) {
    throw new Error(`expected {"edges": [number], "shares": [number]}, ${got(feature)}`)
  }
  if (edges.length === 0 || edges.length > MAX_EDGES) {
    throw new Error(`edges: expected 1 to ${MAX_EDGES}, got ${edges.length}`)
  }
  if (edges.some((edge, index) => index > 0 && edge <= (edges[index - 1] ?? 0))) {
    throw new Error(`edges: expected each above the one before, ${got(edges)}`)
  }
  const sum = shares.reduce((total, share) => total + share, 0)
  if (
    shares.length !== edges.length + 1 ||
    shares.some((share) => share < 0) ||
    Math.abs(sum - 1) > TOLERANCE
  ) {
    throw new Error(`shares: expected ${edges.length + 1} from 0 to 1 that add up to 1, ${got(shares)}`)
  }
  return { name, edges, shares: shares.map((share) => share / sum) }
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((element) => Number.isFinite(element))
}
