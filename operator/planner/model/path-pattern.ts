/**
 * Whether CloudFront's path pattern covers a path without its query: `*` is any text, `?` one character; the leading slash
 * may be left out. Not an expression, because a backtracking engine needs hours for a pattern of many `*` that anybody may
 * write; this remembers only the last `*`, so it takes length of pattern times length of path at most.
 */
export function coversPath(pattern: string, path: string): boolean {
  const wanted = pattern.startsWith('/') || pattern.startsWith('*') ? pattern : `/${pattern}`
  let at = 0
  /** The last `*`, and how far what it stands for reaches. */
  let star = -1
  let covered = 0
  for (let read = 0; read < path.length;) {
    if (wanted[at] === '*') {
      star = at++
      covered = read
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === path[read])) {
      at += 1
      read += 1
    } else if (star >= 0) {
      at = star + 1
      read = ++covered
    } else {
      return false
    }
  }
  while (wanted[at] === '*') at += 1
  return at === wanted.length
}
