import { beforeEach, describe, expect, test } from '@jest/globals'
import { FakeClock, settle } from '../../../controller/testing/fake-clock.ts'
import { ConflictError, RefusedError, TransientError } from '../../../ports/errors.ts'
import type { Fetched } from './api.ts'
import { distributionXml, type DistributionParts } from './distribution.testdata.ts'
import { readDistribution } from './document.ts'
import { DistributionKeeper, type Change, type DistributionApi } from './client.ts'

/** A distribution that behaves: an ETag for each configuration, refused writes, lost answers. */
class FakeCloudFront implements DistributionApi {
  parts: DistributionParts = { behaviors: { '/a': 'housing-blue', '/b': 'housing-blue' } }
  version = 1
  /** Every call, and what a write pointed where. */
  readonly calls: string[] = []
  /** Thrown by the next calls, one each. */
  fetchFails: Error[] = []
  pointFails: Error[] = []
  /** A fetch that has read and not yet answered waits for this. */
  hold: Promise<void> | undefined

  async fetch(): Promise<Fetched> {
    this.calls.push('fetch')
    const failure = this.fetchFails.shift()
    const fetched = this.fetched()
    await this.hold
    if (failure) throw failure
    return fetched
  }

  async point(_id: string, { etag }: Fetched, targets: ReadonlyMap<string, string>): Promise<Fetched> {
    this.calls.push(`point ${[...targets].map((pair) => pair.join('→')).join(', ')}`)
    await Promise.resolve()
    const failure = this.pointFails.shift()
    if (failure && !(failure instanceof LostAnswer)) throw failure
    if (etag !== `E${this.version}`) throw new ConflictError('stale')
    this.write(Object.fromEntries(targets))
    if (failure) throw failure
    return this.fetched()
  }

  invalidate(): Promise<void> {
    return Promise.resolve()
  }

  /** Somebody writes; `*` is the default behavior. */
  write({ '*': target, ...behaviors }: Record<string, string>): void {
    this.version += 1
    const all = { ...this.parts.behaviors, ...behaviors }
    this.parts = { ...this.parts, ...(target && { target }), behaviors: all, status: 'InProgress' }
  }

  deploy(): void {
    this.parts = { ...this.parts, status: 'Deployed' }
  }

  private fetched(): Fetched {
    const xml = distributionXml(this.parts)
    const config = {} as Fetched['config']
    return { xml, etag: `E${this.version}`, config, document: readDistribution(xml) }
  }
}

class LostAnswer extends TransientError {}

const throttled = (): TransientError => new TransientError('Throttling: Rate exceeded')

let cloudFront: FakeCloudFront
let clock: FakeClock
let keeper: DistributionKeeper

beforeEach(() => {
  cloudFront = new FakeCloudFront()
  clock = new FakeClock()
  keeper = new DistributionKeeper('E123EXAMPLE', cloudFront, clock)
})

const fetches = (): number => cloudFront.calls.filter((call) => call === 'fetch').length
const writes = (): string[] => cloudFront.calls.filter((call) => call !== 'fetch')

function to(name: string, part: string, rest: Partial<Change> = {}): Change {
  return { targets: new Map([[part, name]]), etag: `E${cloudFront.version}`, direction: 'Forward', ...rest }
}

/** Passes the time in which changes are gathered, and what they then do. */
async function gather(): Promise<void> {
  await settle()
  await clock.advance(50)
  await settle()
}

async function moved(change: Change): Promise<unknown> {
  const result = keeper.move(change).then(
    () => 'accepted',
    (error: unknown) => error,
  )
  await gather()
  return result
}

describe('reading', () => {
  test('at rest asks once in five minutes, however many ask and however often', async () => {
    for (let second = 0; second < 900; second += 1) {
      await Promise.all(['Idle', 'Idle', 'Idle'].map((freshness) => keeper.look(freshness as 'Idle')))
      clock.jump(1000)
    }
    expect(fetches()).toBe(3)
  })

  test('is due again at another time for each distribution', async () => {
    const dueAt = async (chance: number): Promise<number> => {
      clock.chance = () => chance
      const { expiresAt } = await new DistributionKeeper('E', cloudFront, clock).look('Idle')
      return expiresAt - clock.wallMs()
    }
    expect([await dueAt(0), await dueAt(1)]).toEqual([285_000, 315_000])
  })

  test('while something moves asks every five seconds, for all who ask', async () => {
    for (let second = 0; second < 60; second += 5) {
      await Promise.all([keeper.look('Busy'), keeper.look('Idle'), keeper.look('Busy')])
      clock.jump(5000)
    }
    expect(fetches()).toBe(12)
  })

  test('live asks now, and what was begun before does not count', async () => {
    let answer: () => void = () => undefined
    cloudFront.hold = new Promise((resolve) => (answer = resolve))
    const early = keeper.look('Idle')
    clock.jump(1)
    const live = keeper.look('Live')
    cloudFront.write({ '/a': 'housing-green' })
    answer()
    expect((await early).fetched.etag).toBe('E1')
    expect(await live).toMatchObject({ fetched: { etag: 'E2' }, fresh: 'Yes' })
    clock.jump(1)
    expect(await keeper.look('Idle')).toMatchObject({ fresh: 'No' })
  })

  test('that fails tells what was read before, and that it is outdated', async () => {
    await keeper.look('Idle')
    clock.jump(400_000)
    cloudFront.fetchFails = [throttled()]
    expect(await keeper.look('Idle')).toMatchObject({
      fetched: { etag: 'E1' },
      fresh: 'No',
      outdated: { message: 'Throttling: Rate exceeded' },
    })
  })

  test('that fails is not insisted on: the pauses grow, at random, and end with the first answer', async () => {
    await keeper.look('Idle')
    clock.jump(400_000)
    cloudFront.fetchFails = Array.from({ length: 6 }, throttled)
    const asked: number[] = []
    for (let second = 0; second < 200; second += 1) {
      const before = fetches()
      await keeper.look('Busy')
      if (fetches() > before) asked.push(second)
      clock.jump(1000)
    }
    expect(asked.slice(0, 7)).toEqual([0, 2, 5, 11, 23, 47, 92])
    expect((await keeper.look('Busy')).outdated).toBeUndefined()
  })

  test('for a return asks even so', async () => {
    await keeper.look('Idle')
    clock.jump(400_000)
    cloudFront.fetchFails = [throttled()]
    expect((await keeper.look('Busy')).outdated).toBeDefined()
    expect((await keeper.look('Urgent')).outdated).toBeUndefined()
  })

  test('that fails for a quarter of an hour tells nothing any more', async () => {
    await keeper.look('Idle')
    clock.jump(901_000)
    cloudFront.fetchFails = [throttled()]
    await expect(keeper.look('Idle')).rejects.toBeInstanceOf(TransientError)
  })

  test('that is forbidden tells what was read before; it recovers by itself within a minute', async () => {
    await keeper.look('Idle')
    clock.jump(400_000)
    cloudFront.fetchFails = [new RefusedError('AccessDenied', 'grant cloudfront:GetDistribution')]
    expect(await keeper.look('Idle')).toMatchObject({ outdated: { reason: 'AccessDenied' } })
    expect(await keeper.look('Idle')).toMatchObject({ outdated: { reason: 'AccessDenied' } })
    expect(fetches()).toBe(2)
    clock.jump(60_000)
    expect((await keeper.look('Idle')).outdated).toBeUndefined()
  })

  test('of a distribution that is gone is a refusal, whatever was known', async () => {
    await keeper.look('Idle')
    clock.jump(400_000)
    cloudFront.fetchFails = [new RefusedError('DistributionNotFound', 'gone')]
    await expect(keeper.look('Idle')).rejects.toMatchObject({ reason: 'DistributionNotFound' })
  })

  test('passes on what is a mistake of ours', async () => {
    cloudFront.fetchFails = [new TypeError('a mistake')]
    await expect(keeper.look('Idle')).rejects.toBeInstanceOf(TypeError)
  })
})

describe('writing', () => {
  test('is one update for all changes of one moment', async () => {
    await keeper.look('Busy')
    const results = Promise.all([
      keeper.move(to('housing-green', '/a')),
      keeper.move(to('housing-green', '/b')),
    ])
    await gather()
    await results
    expect(writes()).toEqual(['point /a→housing-green, /b→housing-green'])
  })

  test('needs no reading after it: its answer is one', async () => {
    await keeper.look('Busy')
    await moved(to('housing-green', '/a'))
    expect(await keeper.look('Busy')).toMatchObject({
      fetched: { etag: 'E2', document: { status: 'InProgress' } },
    })
    expect(fetches()).toBe(1)
  })

  test('is refused where the distribution is not what it was decided on, without a call', async () => {
    await keeper.look('Busy')
    expect(await moved(to('housing-green', '/a', { etag: 'E0' }))).toBeInstanceOf(ConflictError)
    expect(writes()).toEqual([])
  })

  test('that met another writer makes the next reading a new one', async () => {
    await keeper.look('Busy')
    cloudFront.write({ '/b': 'ui' })
    expect(await moved(to('housing-green', '/a', { etag: 'E1' }))).toBeInstanceOf(ConflictError)
    expect(await keeper.look('Idle')).toMatchObject({ fetched: { etag: 'E2' } })
  })

  test('forward keeps its distance from the last write; a return does not', async () => {
    await keeper.look('Busy')
    await moved(to('housing-green', '/a'))
    const { writableAt } = await keeper.look('Busy')
    expect(writableAt - clock.wallMs()).toBeCloseTo(30_000, -2)
    expect(await moved(to('housing-green', '/b'))).toBeInstanceOf(TransientError)
    expect(await moved(to('housing-blue', '/a', { direction: 'Back' }))).toBe('accepted')
    clock.jump(30_000)
    expect(await moved(to('housing-green', '/b'))).toBe('accepted')
    expect(writes()).toHaveLength(3)
  })

  test('that is throttled is not tried again before its time; a return is', async () => {
    await keeper.look('Busy')
    cloudFront.pointFails = [throttled()]
    expect(await moved(to('housing-green', '/a'))).toBeInstanceOf(TransientError)
    const { writableAt } = await keeper.look('Busy')
    expect(writableAt).toBeGreaterThan(clock.wallMs())
    expect(await moved(to('housing-green', '/a'))).toBeInstanceOf(TransientError)
    expect(writes()).toHaveLength(1)
    expect(await moved(to('housing-green', '/a', { direction: 'Back' }))).toBe('accepted')
  })

  test('whose answer was lost is looked at again before anything else is written', async () => {
    await keeper.look('Busy')
    cloudFront.pointFails = [new LostAnswer('no answer')]
    expect(await moved(to('housing-green', '/a'))).toBeInstanceOf(LostAnswer)
    expect(await moved(to('housing-green', '/a', { direction: 'Back' }))).toBeInstanceOf(ConflictError)
    expect(await keeper.look('Urgent')).toMatchObject({ fetched: { etag: 'E2' } })
    expect(writes()).toHaveLength(1)
  })

  test('of what stands there already sends nothing', async () => {
    await keeper.look('Busy')
    expect(await moved(to('housing-blue', '/a'))).toBe('accepted')
    expect(writes()).toEqual([])
  })

  test('that is refused for one of several is done for the others', async () => {
    await keeper.look('Busy')
    const refusal = new RefusedError('InvalidSpec', 'NoSuchOrigin')
    cloudFront.pointFails = [refusal, refusal]
    const [a, b] = await Promise.all([
      moved(to('nowhere', '/a')),
      keeper.move(to('housing-green', '/b')).then(() => 'accepted'),
    ])
    expect([a, b]).toEqual([refusal, 'accepted'])
    expect(writes()).toEqual([
      'point /a→nowhere, /b→housing-green',
      'point /a→nowhere',
      'point /b→housing-green',
    ])
  })

  test('that is refused is tried again a minute later, and not each time that it is asked for', async () => {
    await keeper.look('Busy')
    const refusal = new RefusedError('AccessDenied', 'grant cloudfront:UpdateDistribution')
    cloudFront.pointFails = [refusal]
    const change = to('housing-green', '/a')
    expect(await moved(change)).toBe(refusal)
    for (let passes = 0; passes < 5; passes += 1) {
      clock.jump(10_000)
      expect(await moved(change)).toBe(refusal)
    }
    expect(writes()).toHaveLength(1)
    clock.jump(10_000)
    expect(await moved(change)).toBe('accepted')
    expect(writes()).toHaveLength(2)
  })

  test.each<[string, () => Partial<Change>]>([
    ['a return', () => ({ direction: 'Back' })],
    ['another target', () => ({ targets: new Map([['/b', 'housing-green']]) })],
    [
      'the same to a distribution that was changed',
      () => {
        cloudFront.write({ '/b': 'ui' })
        clock.jump(5000)
        return { etag: `E${cloudFront.version}` }
      },
    ],
  ])('that is refused stands in the way of nothing else: %s', async (_, other) => {
    await keeper.look('Busy')
    const change = to('housing-green', '/a')
    cloudFront.pointFails = [new RefusedError('InvalidSpec', 'NoSuchOrigin')]
    await moved(change)
    const next = other()
    await keeper.look('Busy')
    expect(await moved({ ...change, ...next })).toBe('accepted')
  })

  test('that is refused for credentials that are known no more is tried with others at once', async () => {
    await keeper.look('Busy')
    const cause = Object.assign(new Error('gone'), { name: 'InvalidClientTokenId' })
    cloudFront.pointFails = [new RefusedError('AccessDenied', 'unknown', { cause })]
    await moved(to('housing-green', '/a'))
    expect(await moved(to('housing-green', '/a'))).toBe('accepted')
  })

  test('during a reading makes that reading count for nothing', async () => {
    await keeper.look('Busy')
    let answer: () => void = () => undefined
    cloudFront.hold = new Promise((resolve) => (answer = resolve))
    clock.jump(5000)
    const look = keeper.look('Busy')
    expect(await moved(to('housing-green', '/a'))).toBe('accepted')
    answer()
    expect(await look).toMatchObject({ fetched: { etag: 'E2' } })
  })
})

describe('where edges may be routing', () => {
  const routesOf = async (part: string): Promise<string[] | undefined> => {
    clock.jump(5000)
    const names = (await keeper.look('Busy')).routes.of(part)
    return names && [...names].sort()
  }

  test('is where a deployed configuration says', async () => {
    expect(await routesOf('/a')).toEqual(['housing-blue'])
  })

  test('is known while only our own writes are on their way', async () => {
    await routesOf('/a')
    await moved(to('housing-green', '/a'))
    expect([await routesOf('/a'), await routesOf('/b')]).toEqual([
      ['housing-blue', 'housing-green'],
      ['housing-blue'],
    ])
    await moved(to('housing-blue', '/a', { direction: 'Back' }))
    expect([await routesOf('/a'), await routesOf('/b')]).toEqual([
      ['housing-blue', 'housing-green'],
      ['housing-blue'],
    ])
    cloudFront.deploy()
    expect(await routesOf('/a')).toEqual(['housing-blue'])
  })

  test.each<[string, () => unknown]>([
    [
      'somebody else wrote',
      () => {
        cloudFront.write({ '/b': 'ui' })
      },
    ],
    [
      'a write was not answered',
      () => {
        cloudFront.pointFails = [new LostAnswer('no answer')]
        return moved(to('housing-green', '/a'))
      },
    ],
  ])('is not known until all is deployed when %s', async (_, happens) => {
    await routesOf('/a')
    await happens()
    clock.jump(60_000)
    expect(await routesOf('/a')).toBeUndefined()
    cloudFront.deploy()
    expect(await routesOf('/a')).toHaveLength(1)
  })

  test('is as before when a write was refused', async () => {
    await routesOf('/a')
    await moved(to('housing-green', '/b'))
    cloudFront.pointFails = [new RefusedError('AccessDenied', 'no')]
    await moved(to('housing-green', '/a', { direction: 'Back' }))
    expect(await routesOf('/a')).toEqual(['housing-blue'])
  })
})
