/** What the operator asks of CloudFront's API, counted in the audit log of the emulator; time is virtual. */
import { afterEach, describe, expect, test } from '@jest/globals'
import { Neighborhood, type Called } from './emulator/neighbors.ts'

const open: Neighborhood[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})

async function releases(...names: string[]): Promise<Neighborhood> {
  const opened = await Neighborhood.open(names)
  open.push(opened)
  return opened
}

/** Long enough for a release to be switched, propagated, verified, and its old color retired. */
const ROLLOUT_SECONDS = 900

function updatesIn(calls: readonly Called[]): Called[] {
  return calls.filter(({ operation }) => operation === 'UpdateDistribution')
}

describe('one accepted UpdateDistribution for each move of the pointer', () => {
  test('of one release', async () => {
    const one = await releases('housing')
    await one.pass(ROLLOUT_SECONDS)
    one.apply(2)
    await one.pass(ROLLOUT_SECONDS)
    one.apply(3)
    await one.pass(100)
    one.command('undo')
    await one.pass(ROLLOUT_SECONDS)
    const updates = updatesIn(one.calls())
    expect(one.outcomes).toEqual(['RolledBack'])
    expect(updates.map(({ status, targets = [] }) => [status, targets.map(({ to }) => to)])).toEqual([
      [200, ['housing-green']],
      [200, ['housing-blue']],
      [200, ['housing-green']],
      [200, ['housing-blue']],
    ])
  })

  test('of three releases on one distribution', async () => {
    const three = await releases('housing', 'spam', 'digits')
    await three.pass(ROLLOUT_SECONDS)
    expect(three.outcomes).toEqual(['Promoted', 'Promoted', 'Promoted'])
    const moved = updatesIn(three.calls()).map(({ status, targets = [] }) => ({
      status,
      to: targets.map(({ pathPattern, to }) => `${pathPattern} ${to ?? ''}`),
    }))
    expect(moved).toEqual([
      { status: 200, to: ['* housing-green'] },
      { status: 200, to: ['/spam/* spam-green'] },
      { status: 200, to: ['/digits/* digits-green'] },
    ])
  })
})

describe('while nothing moves', () => {
  test.each([
    { title: 'one release', names: ['housing'] },
    { title: 'three releases on one distribution', names: ['housing', 'spam', 'digits'] },
  ])('$title: one GetDistribution in about five minutes, and nothing else', async ({ names }) => {
    const all = await releases(...names)
    await all.pass(ROLLOUT_SECONDS)
    expect(all.outcomes).toEqual(names.map(() => 'Promoted'))
    all.calls()
    await all.pass(3600)
    const calls = all.calls()
    expect([...new Set(calls.map(({ operation }) => operation))]).toEqual(['GetDistribution'])
    const gaps = calls
      .slice(1)
      .map(({ atMs }, index) => Math.round((atMs - (calls[index]?.atMs ?? 0)) / 1000))
    // An hour has twelve times five minutes; each of them is up to 15 s longer or shorter.
    expect(calls.length).toBeGreaterThanOrEqual(11)
    expect(calls.length).toBeLessThanOrEqual(13)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(285)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(316)
    // Distributions that are all asked at the same distance would be asked at the same time.
    expect(new Set(gaps).size).toBeGreaterThan(5)
  })
})
