/**
 * The test of a behavior's PathPattern: `*` is any run of characters, `?` exactly one, case matters, and a leading slash
 * may be left out ("images/*" and "/images/*" are the same pattern). Each run but the last ends where what follows it is
 * found first, for good (`(?=(…))\1` gives nothing back), so a pattern of many stars takes no longer than one of few.
 */
export function pathPatternExpression(pattern: string): RegExp {
  const rooted = pattern.startsWith('/') || pattern.startsWith('*') ? pattern : `/${pattern}`
  const [first = '', ...rest] = rooted.split(/\*+/).map(literal)
  const last = rest.pop()
  const runs = rest.map((part, index) => `(?=(.*?${part}))\\${index + 1}`)
  return new RegExp(`^${first}${runs.join('')}${last === undefined ? '' : `.*${last}`}$`, 's')
}

function literal(text: string): string {
  return text.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('?', '.')
}
