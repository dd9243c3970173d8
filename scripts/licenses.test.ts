import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { licenseProblems, type Lockfile } from './licenses.ts'

const named = (license?: string, rest: object = {}): Lockfile => ({
  packages: { 'node_modules/it': { ...(license !== undefined && { license }), ...rest } },
})

test.each(['MIT', 'Apache-2.0', '(MIT OR CC0-1.0)', '(MIT OR GPL-3.0-or-later)', 'MIT AND BSD-3-Clause'])(
  '%s may be shipped',
  (license) => {
    expect(licenseProblems(named(license))).toEqual([])
  },
)

test.each([
  'GPL-3.0-only',
  'AGPL-3.0',
  'SEE LICENSE IN license.txt',
  'UNLICENSED',
  'MIT AND GPL-2.0-only',
  '',
])('"%s" may not', (license) => {
  expect(licenseProblems(named(license))).toEqual([
    `node_modules/it: license ${license} is not among those that scripts/licenses.ts allows`,
  ])
})

test('what has no license may not', () => {
  expect(licenseProblems(named())).toEqual([expect.stringContaining('license missing')])
})

test('what is not shipped may have any', () => {
  expect(licenseProblems(named('GPL-3.0-only', { dev: true }))).toEqual([])
  expect(
    licenseProblems({ packages: { '': {}, operator: {}, 'node_modules/operator': { link: true } } }),
  ).toEqual([])
})

test('the lockfile names a license of every package that is shipped', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile
  expect(Object.keys(lock.packages).length).toBeGreaterThan(100)
  expect(licenseProblems(lock)).toEqual([])
})
