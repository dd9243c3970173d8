import { COLORS, otherColor, type Color } from '../api/names.ts'
import type { Spec } from '../api/release.ts'
import { originName, type ColorState, type PointerReading } from './world.ts'

/**
 * What a reading of the pointer means for the colors.
 * `Names`: every part names this color. `Split`: parts differ or name something foreign, so both colors may be serving.
 * `Adopted`: every part names one origin that is not of this release, which the spec allows to be taken over.
 * `Nothing`: no user is routed anywhere by it. `Unknown`: it could not be read, so both colors may be serving.
 */
export type PointerView =
  | { type: 'Names'; color: Color; settled: 'Yes' | 'No' }
  | { type: 'Split'; message: string }
  | { type: 'Adopted'; origin: string; settled: 'Yes' | 'No' }
  | { type: 'Nothing' }
  | { type: 'Unknown'; message: string }

/**
 * The color that a name of the pointer means. While something stands in a color, that color is meant by the name that its
 * Service was made with, whatever the spec says now: an edit must not make the live origin mean the other color.
 */
function colorOf(spec: Spec, name: string, states: Record<Color, ColorState>): Color | undefined {
  const marked = COLORS.find(
    (color) => states[color].workload && states[color].service?.origin === `${pointerId(spec)}/${name}`,
  )
  return marked ?? COLORS.find((color) => originName(spec, color) === name)
}

/** What the pointer calls a color: by the name that its Service was made with while something stands in it, otherwise by the spec. */
export function nameOf(spec: Spec, color: Color, states: Record<Color, ColorState>): string {
  const [pointer, ...name] = (states[color].workload && states[color].service?.origin?.split('/')) ?? []
  return pointer === pointerId(spec) ? name.join('/') : originName(spec, color)
}

/** Whether the color's Service was made for another pointer than the spec names now. */
export function isMarkedElsewhere(spec: Spec, { service }: ColorState): boolean {
  return service?.origin !== undefined && service.origin.split('/')[0] !== pointerId(spec)
}

function pointerId(spec: Spec): string {
  const { cloudFrontDistribution, service } = spec.traffic
  return cloudFrontDistribution?.distributionId ?? `Service:${service?.name ?? ''}`
}

export function viewOf(spec: Spec, reading: PointerReading, states: Record<Color, ColorState>): PointerView {
  if (reading.type === 'Absent') return { type: 'Nothing' }
  if (reading.type !== 'Read') return { type: 'Unknown', message: reading.message }
  if (reading.targets.every((target) => target.names === '')) return { type: 'Nothing' }
  const colors = new Set(reading.targets.map((target) => colorOf(spec, target.names, states)))
  const [color] = colors
  if (colors.size === 1 && color) return { type: 'Names', color, settled: reading.settled }
  const origin = adoptable(spec, reading)
  if (origin !== undefined) return { type: 'Adopted', origin, settled: reading.settled }
  return { type: 'Split', message: `the pointer names ${describeTargets(reading)}` }
}

/** The one foreign origin that all parts name, where the spec allows to take over from it. */
function adoptable(spec: Spec, { targets }: Extract<PointerReading, { type: 'Read' }>): string | undefined {
  const names = new Set(targets.map((target) => target.names))
  const [origin] = names
  const isOurs = COLORS.some((color) => originName(spec, color) === origin)
  return spec.traffic.cloudFrontDistribution?.adopt && names.size === 1 && !isOurs ? origin : undefined
}

/** Whether the reading is of an earlier time, because the pointer cannot be read now. */
export function isOutdated(reading: PointerReading): boolean {
  return reading.type === 'Read' && reading.outdated !== undefined
}

/** Parts of the pointer that are not of this release and yet lead to the color. */
export function partsElsewhere(
  spec: Spec,
  reading: PointerReading,
  states: Record<Color, ColorState>,
  color: Color,
): string[] {
  const elsewhere = reading.type === 'Read' ? (reading.elsewhere ?? []) : []
  return elsewhere.filter(({ names }) => colorOf(spec, names, states) === color).map(({ part }) => part)
}

export function describeTargets(reading: Extract<PointerReading, { type: 'Read' }>): string {
  return reading.targets.map(({ part, names }) => `${names || 'nothing'} for ${part}`).join(', ')
}

/** Colors that some edge may be routing to right now. */
export function servingColors(view: PointerView): readonly Color[] {
  switch (view.type) {
    case 'Names':
      return view.settled === 'Yes' ? [view.color] : [view.color, otherColor(view.color)]
    case 'Adopted':
      return view.settled === 'Yes' ? [] : COLORS
    case 'Nothing':
      return []
    case 'Split':
    case 'Unknown':
      return COLORS
  }
}

/** Whether some edge may not follow the pointer yet. */
export function isUnsettled(view: PointerView): view is PointerView & { settled: 'No' } {
  return 'settled' in view && view.settled === 'No'
}

/** The origins that the spec names and the distribution lacks, as a problem that names field, value and remedy. */
export function missingOrigins(spec: Spec, reading: PointerReading): string | undefined {
  if (reading.type !== 'Read') return undefined
  const missing = COLORS.filter((color) => !reading.origins.includes(originName(spec, color)))
  if (missing.length === 0) return undefined
  const fields = missing.map(
    (color) => `spec.traffic.cloudFrontDistribution.origins.${color} "${originName(spec, color)}"`,
  )
  return `${fields.join(' and ')} is not an origin of the distribution, which has ${reading.origins.join(', ')}: add the origin to the distribution or correct the field`
}

/** How a color Service is marked with the pointer's name for it: the pointer's identity, then the name. */
export function originMark(spec: Spec, color: Color): string {
  return `${pointerId(spec)}/${originName(spec, color)}`
}
