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
    return sent.flatMap((item, index) =>
      droppedOfItem(item, others, { list, path: `${path}[${nameItem(item, index, list)}]`, nameItem }),
    )
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

/** Fields of one item that did not come back; of several that it may have become, the likest counts. */
function droppedOfItem(
  item: unknown,
  others: readonly unknown[],
  { list, path, nameItem }: { list: string; path: string; nameItem: NameItem },
): string[] {
  const keys = MERGE_KEYS[list] ?? []
  const losses = others
    .filter((other) => keys.every((key) => isSame(memberOf(item, key), memberOf(other, key))))
    .map((other) => droppedFields(item, other, path, nameItem))
  return losses.toSorted((one, other) => one.length - other.length)[0] ?? [path]
}

/** A key that only one of them has is a default of the other. */
function isSame(one: unknown, other: unknown): boolean {
  return one === undefined || other === undefined || one === other
}

function memberOf(item: unknown, key: string): unknown {
  return typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return value === undefined || value === null || value === '' || value === false || value === 0
}
