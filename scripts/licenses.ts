/** Whether everything that is shipped may be: the licenses of the production dependencies, as the lockfile has them. */

/** What an Apache-2.0 project may pass on without asking its users for anything but to keep the notices. */
const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Unlicense',
])

export type Lockfile = { packages: Record<string, { dev?: boolean; link?: boolean; license?: string }> }

/** One line for each package that is shipped under a license that nobody has allowed yet, or under none. */
export function licenseProblems({ packages }: Lockfile): string[] {
  return Object.entries(packages).flatMap(([path, { dev, link, license }]) => {
    const isForeign = path.includes('node_modules/')
    if (!isForeign || dev === true || link === true || isAllowed(license ?? '')) return []
    return [`${path}: license ${license ?? 'missing'} is not among those that scripts/licenses.ts allows`]
  })
}

/** An SPDX expression without nested groups: one alternative, all of whose parts are allowed. */
function isAllowed(expression: string): boolean {
  const alternatives = expression.replaceAll(/[()]/g, '').split(' OR ')
  return alternatives.some((one) => one.split(' AND ').every((license) => ALLOWED.has(license)))
}
