import { COLORS, otherColor, type Color } from '../../api/names.ts'
import { distributionField, distributionOf, keyValueStoreOf, type Spec } from '../../api/release.ts'
import { originName, type ColorState, type PointerReading, type Observation } from './observation.ts'

/**
 * What a reading of the pointer means for the colors.
 * `Names`: every part names this color. `Split`: parts differ or name something foreign, so both colors may be serving.
 * `Adopted`: every part names one origin that is not of this release, which the spec allows to be taken over.
 * `Nothing`: it decides nothing for any user; of a key that was deleted, edges may not all know it yet. `Unknown`: it could not be read, so both colors may be serving.
 */
export type PointerView =
  | { type: 'Names'; color: Color; propagated: 'Yes' | 'No' }
  | { type: 'Split'; message: string }
  | { type: 'Adopted'; origin: string; propagated: 'Yes' | 'No' }
  | { type: 'Nothing'; propagated?: 'Yes' | 'No' }
  | { type: 'Unknown'; message: string }

/**
 * The color that a name of the pointer means. While something stands in a color, that color is meant by the name that its
 * Service was made with, whatever the spec says now: an edit must not make the live origin mean the other color.
 */
export function colorOf(spec: Spec, name: string, states: Record<Color, ColorState>): Color | undefined {
  const marked = COLORS.find((color) => markedName(spec, states[color]) === name)
  return marked ?? COLORS.find((color) => originName(spec, color) === name)
}

/** What the pointer calls a color: by the name that its Service was made with while something stands in it, otherwise by the spec. */
export function nameOf(spec: Spec, color: Color, states: Record<Color, ColorState>): string {
  return markedName(spec, states[color]) ?? originName(spec, color)
}

/** The name that its Service was made with, be it for another kind of pointer to the same origins. */
function markedName(spec: Spec, { workload, service }: ColorState): string | undefined {
  const mark = service?.origin
  if (!workload || mark === undefined || originsOf(mark) !== originsOf(`${pointerId(spec)}/`))
    return undefined
  return mark.slice(mark.indexOf('/') + 1)
}

/** Whether the color's Service was made for another pointer than the spec names now. */
export function isMarkedElsewhere(spec: Spec, { service }: ColorState): boolean {
  return service?.origin !== undefined && service.origin.split('/')[0] !== pointerId(spec)
}

/**
 * Without a slash, which ends it in a mark. The same key behind another distribution is another pointer: what the behaviors
 * of the one before name themselves is not followed any more.
 */
export function pointerId(spec: Spec): string {
  const store = keyValueStoreOf(spec)
  const distribution = distributionOf(spec)?.distributionId
  if (store) return `${store.keyValueStoreArn.split('/')[1] ?? ''}:${store.key}@${distribution ?? ''}`
  return distribution ?? `Service:${spec.traffic.service?.name ?? ''}`
}

/** Whose origins a mark is about: those of a distribution are the same by whatever they are chosen. */
function originsOf(mark: string): string {
  const pointer = mark.slice(0, mark.indexOf('/'))
  return pointer.slice(pointer.lastIndexOf('@') + 1)
}

/** Whether the spec has another name for the color than it is known by among the same origins. */
export function isRemapped(spec: Spec, color: Color, state: ColorState): boolean {
  const name = markedName(spec, state)
  return name !== undefined && name !== originName(spec, color)
}

export function viewOf(spec: Spec, reading: PointerReading, states: Record<Color, ColorState>): PointerView {
  if (reading.type === 'Absent') return { type: 'Nothing' }
  if (reading.type !== 'Read') return { type: 'Unknown', message: reading.message }
  if (reading.targets.every((target) => target.names === ''))
    return keyValueStoreOf(spec) ? { type: 'Nothing', propagated: reading.propagated } : { type: 'Nothing' }
  const colors = new Set(reading.targets.map((target) => colorOf(spec, target.names, states)))
  const [color] = colors
  if (colors.size === 1 && color) return { type: 'Names', color, propagated: reading.propagated }
  const origin = adoptable(spec, reading)
  if (origin !== undefined) return { type: 'Adopted', origin, propagated: reading.propagated }
  return { type: 'Split', message: `the pointer names ${describeTargets(reading)}` }
}

/** Whether no key decides: users are where the behaviors themselves lead, be that a color or not. */
export function isKeyAbsent(spec: Spec, reading: PointerReading): boolean {
  const store = keyValueStoreOf(spec)
  if (!store || reading.type !== 'Read') return false
  return reading.targets.every(({ part, names }) => names === '' || part !== `key ${store.key}`)
}

/** The one foreign origin that all parts name, where the spec allows to take over from it. */
function adoptable(spec: Spec, { targets }: Extract<PointerReading, { type: 'Read' }>): string | undefined {
  const names = new Set(targets.map((target) => target.names))
  const [origin] = names
  const isOurs = COLORS.some((color) => originName(spec, color) === origin)
  return distributionOf(spec)?.adopt && names.size === 1 && !isOurs ? origin : undefined
}

/** Whether the reading is of an earlier time, because the pointer cannot be read now. */
export function isOutdated(reading: PointerReading): boolean {
  return reading.type === 'Read' && reading.outdated !== undefined
}

/** The color that a share of the clients is sent to; undefined where there is none, or none of ours. */
export function canaryColor(
  spec: Spec,
  reading: PointerReading,
  states: Record<Color, ColorState>,
): Color | undefined {
  const canary = reading.type === 'Read' ? reading.canary : undefined
  return canary && colorOf(spec, canary.names, states)
}

/** Parts that do not follow the pointer of this release and yet lead to the color. */
export function partsElsewhere(
  spec: Spec,
  reading: PointerReading,
  states: Record<Color, ColorState>,
  color: Color,
): string[] {
  if (reading.type !== 'Read') return []
  const leading = [...(reading.elsewhere ?? []), ...(reading.fallback?.targets ?? [])]
  const parts = leading.filter(({ names }) => colorOf(spec, names, states) === color).map(({ part }) => part)
  return [...new Set(parts)]
}

/** Behaviors that themselves name the other color than the live one. What an origin group is for, its owner decides. */
export function behindFallback(
  { colors, pointer, release }: Pick<Observation, 'colors' | 'pointer' | 'release'>,
  live: Color,
): string[] {
  const targets = pointer.type === 'Read' ? (pointer.fallback?.targets ?? []) : []
  return targets
    .filter(({ group, names }) => !group && colorOf(release.spec, names, colors) === otherColor(live))
    .map(({ part }) => part)
}

export function describeTargets(reading: Extract<PointerReading, { type: 'Read' }>): string {
  const { canary, targets } = reading
  const all = targets.map(({ part, names }) => `${names || 'nothing'} for ${part}`)
  return [...all, ...(canary ? [`${canary.names} for ${canary.weight} % of the clients`] : [])].join(', ')
}

/** Colors that some edge may be routing to right now. */
export function servingColors(view: PointerView): readonly Color[] {
  switch (view.type) {
    case 'Names':
      return view.propagated === 'Yes' ? [view.color] : [view.color, otherColor(view.color)]
    case 'Adopted':
      return view.propagated === 'Yes' ? [] : COLORS
    case 'Nothing':
      return view.propagated === 'No' ? COLORS : []
    case 'Split':
    case 'Unknown':
      return COLORS
  }
}

/** Whether some edge may not follow the pointer yet. */
export function isPropagating(view: PointerView): view is PointerView & { propagated: 'No' } {
  return 'propagated' in view && view.propagated === 'No'
}

/** The origins that the spec names and the distribution lacks, as a problem that names field, value and remedy. */
export function missingOrigins(spec: Spec, reading: PointerReading): string | undefined {
  if (reading.type !== 'Read') return undefined
  const missing = COLORS.filter((color) => !reading.origins.includes(originName(spec, color)))
  if (missing.length === 0) return undefined
  const fields = missing.map(
    (color) => `${distributionField(spec)}.origins.${color} "${originName(spec, color)}"`,
  )
  return `${fields.join(' and ')} is not an origin of the distribution, which has ${reading.origins.join(', ')}: add the origin to the distribution or correct the field`
}

/** How a color Service is marked with the pointer's name for it: the pointer's identity, then the name. */
export function originMark(spec: Spec, color: Color): string {
  return `${pointerId(spec)}/${originName(spec, color)}`
}
