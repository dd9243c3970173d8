/** Fields of one object that another, which should have them, lacks. */

/** How a path names an item of a list. */
export type NameItem = (item: unknown, index: number, list: string) => string

const byIndex: NameItem = (_item, index) => String(index)

/** By what tells it apart, where that is known. */
export const byKey: NameItem = (item, index, list) => {
  const [key] = MERGE_KEYS[list] ?? []
  const value = key === undefined ? undefined : memberOf(item, key)
  return typeof value === 'string' || typeof value === 'number' ? String(value) : String(index)
}

/**
 * Fields that were sent and did not come back: the API server does not know them. From 1.25 on it says so itself in a
 * strict dry run; older ones drop a misspelt field of a pod template in silence. Empty values are no loss, and what else the
 * other one has, or has otherwise, is no matter.
 */
export function droppedFields(
  sent: unknown,
  kept: unknown,
  path: string,
  nameItem: NameItem = byIndex,
): string[] {
  if (isEmpty(sent)) return []
  if (kept === undefined || kept === null) return [path]
  if (Array.isArray(sent)) {
    const others: unknown[] = Array.isArray(kept) ? kept : []
    const list = path.slice(path.lastIndexOf('.') + 1)
    const mayBecome = candidatesIn(others, MERGE_KEYS[list] ?? [])
    return sent.flatMap((item, index) => {
      const itemPath = `${path}[${nameItem(item, index, list)}]`
      return (
        fewestDropped(mayBecome(item), (other) => droppedFields(item, other, itemPath, nameItem)) ?? [
          itemPath,
        ]
      )
    })
  }
  if (typeof sent !== 'object' || sent === null || typeof kept !== 'object') return []
  return Object.entries(sent).flatMap(([key, value]) =>
    droppedFields(value, (kept as Record<string, unknown>)[key], `${path}.${key}`, nameItem),
  )
}

/**
 * What tells the items of a list apart: the merge keys of the API. Policies put containers, variables and mounts of their own
 * between; a name alone need not be unique (a volume is mounted twice, a port has two protocols).
 */
const MERGE_KEYS: Record<string, readonly string[]> = {
  containers: ['name'],
  initContainers: ['name'],
  volumes: ['name'],
  env: ['name'],
  imagePullSecrets: ['name'],
  resourceClaims: ['name'],
  ports: ['containerPort', 'protocol'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
}

/** More than that no policy puts between the items of a list that has no keys. */
const NEIGHBORS = 8

/**
 * Finds what an item may have become: items with its keys, nearest to its place first. Users write lists of thousands, so
 * that each item is compared with few others and never with all.
 */
function candidatesIn(
  others: readonly unknown[],
  [first, ...more]: readonly string[],
): (item: unknown) => unknown[] {
  const keyOf = (item: unknown): unknown => (first === undefined ? undefined : memberOf(item, first))
  const groups = Map.groupBy(others, keyOf)
  const places = new Map<unknown, number>()
  return (item) => {
    const key = keyOf(item)
    const group = (key === undefined ? others : groups.get(key)) ?? []
    const place = places.get(key) ?? 0
    places.set(key, place + 1)
    const own = Math.min(place, group.length - 1)
    const around = group.slice(Math.max(0, own - NEIGHBORS), own + NEIGHBORS + 1)
    return [...group.slice(own, own + 1), ...around].filter((other) =>
      more.every((name) => isSame(memberOf(item, name), memberOf(other, name))),
    )
  }
}

/** Of several that an item may have become, the likest counts; undefined where there is none. */
function fewestDropped(
  candidates: readonly unknown[],
  droppedIn: (candidate: unknown) => string[],
): string[] | undefined {
  let fewest: string[] | undefined
  for (const candidate of candidates) {
    const dropped = droppedIn(candidate)
    if (dropped.length === 0) return dropped
    if (!fewest || dropped.length < fewest.length) fewest = dropped
  }
  return fewest
}

/** A key that only one of them has is a default of the other. */
function isSame(one: unknown, other: unknown): boolean {
  return one === undefined || other === undefined || one === other
}

/** Undefined where it is no object, or has no such member. */
export function memberOf(item: unknown, key: string): unknown {
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === null || value === '' || value === false || value === 0
}
