/**
 * The expression for a behavior's PathPattern: `*` is any run of characters, `?` exactly one, case matters, and a
 * leading slash may be left out ("images/*" and "/images/*" are the same pattern).
 */
export function pathPatternExpression(pattern: string): RegExp {
  const rooted = pattern.startsWith('/') || pattern.startsWith('*') ? pattern : `/${pattern}`
  const body = rooted
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\*+/g, '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${body}$`, 's')
}
