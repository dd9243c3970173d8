/** The work of a walk through a value, counted and not timed: how often a member of anything in it was read. */
export function countedReads<Value extends object>(value: Value): { value: Value; reads: () => number } {
  let reads = 0
  const seen = new WeakMap<object, object>()
  const watched = (one: unknown): unknown => {
    if (typeof one !== 'object' || one === null) return one
    const known = seen.get(one)
    if (known) return known
    const proxy = new Proxy(one, {
      get: (target, key) => {
        reads += 1
        return watched(Reflect.get(target, key))
      },
    })
    seen.set(one, proxy)
    return proxy
  }
  return { value: watched(value) as Value, reads: () => reads }
}
