import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  evaluateLease,
  type Lease,
  LeaseConflictError,
  type LeaseDecision,
  LeaderElector,
  type LeaseSpec,
  type LeaseStore,
} from './leader-election.ts'
import { FakeClock, settle } from './testing/fake-clock.ts'

describe('evaluateLease', () => {
  const held = (spec: LeaseSpec): Lease => ({
    resourceVersion: '7',
    spec: { leaseDurationSeconds: 15, ...spec },
  })
  const cases: { name: string; lease: Lease | undefined; unchangedMs: number; decision: LeaseDecision }[] = [
    { name: 'there is none: create it', lease: undefined, unchangedMs: 0, decision: { type: 'Create' } },
    {
      name: 'it was released: take it at once',
      lease: held({ holderIdentity: '', leaseDurationSeconds: 1 }),
      unchangedMs: 0,
      decision: { type: 'TakeOver', because: 'Free' },
    },
    {
      name: 'it never had a holder: take it at once',
      lease: { resourceVersion: '7', spec: {} },
      unchangedMs: 0,
      decision: { type: 'TakeOver', because: 'Free' },
    },
    {
      name: 'it is ours: renew it',
      lease: held({ holderIdentity: 'me' }),
      unchangedMs: 0,
      decision: { type: 'Renew' },
    },
    {
      name: 'it is ours and was not renewed for long: nobody took it, renew it',
      lease: held({ holderIdentity: 'me' }),
      unchangedMs: 60_000,
      decision: { type: 'Renew' },
    },
    {
      name: 'another holds it and it changed within its duration: wait',
      lease: held({ holderIdentity: 'other' }),
      unchangedMs: 15_000,
      decision: { type: 'Wait', holder: 'other' },
    },
    {
      name: 'another holds it and it did not change for longer than its duration: take it',
      lease: held({ holderIdentity: 'other' }),
      unchangedMs: 15_001,
      decision: { type: 'TakeOver', because: 'Expired' },
    },
    {
      name: 'another holds it for longer than we would: its own duration counts',
      lease: held({ holderIdentity: 'other', leaseDurationSeconds: 60 }),
      unchangedMs: 59_000,
      decision: { type: 'Wait', holder: 'other' },
    },
    {
      name: 'another holds it and does not say for how long: 15 s',
      lease: { resourceVersion: '7', spec: { holderIdentity: 'other' } },
      unchangedMs: 14_000,
      decision: { type: 'Wait', holder: 'other' },
    },
    {
      name: 'its renewTime lies in the past or the future: other clocks do not count',
      lease: held({ holderIdentity: 'other', renewTime: '1999-01-01T00:00:00.000000Z' }),
      unchangedMs: 1_000,
      decision: { type: 'Wait', holder: 'other' },
    },
  ]
  test.each(cases)('$name', ({ lease, unchangedMs, decision }) => {
    expect(evaluateLease(lease, 'me', 5_000, 5_000 + unchangedMs)).toEqual(decision)
  })
})

/** A Lease endpoint that versions what it keeps. */
class FakeLease {
  lease: Lease | undefined
  writes: (LeaseSpec & { at: number })[] = []
  #version = 0

  store(clock: FakeClock, fault: () => Fault = () => 'none'): LeaseStore {
    const act = async <T>(work: () => T): Promise<T> => {
      const kind = fault()
      if (kind === 'refused') throw new Error('connection refused')
      if (kind === 'slow' || kind === 'slow answer') await this.#wait(clock, kind === 'slow' ? 3_500 : 0)
      const result = work()
      if (kind === 'slow answer') await this.#wait(clock, 3_500)
      if (kind === 'answer lost') throw new Error('no answer within 4000 ms')
      return result
    }
    const write = (spec: LeaseSpec) => {
      this.lease = { resourceVersion: String(++this.#version), spec }
      this.writes.push({ ...spec, at: clock.monotonicMs() })
      return this.lease
    }
    return {
      read: () => act(() => this.lease),
      create: (spec) =>
        act(() => {
          if (this.lease) throw new LeaseConflictError('it exists')
          return write(spec)
        }),
      replace: (resourceVersion, spec) =>
        act(() => {
          if (this.lease?.resourceVersion !== resourceVersion) throw new LeaseConflictError('it changed')
          return write(spec)
        }),
    }
  }

  touch(): void {
    if (this.lease) this.lease = { ...this.lease, resourceVersion: String(++this.#version) }
  }

  #wait(clock: FakeClock, ms: number): Promise<void> {
    return new Promise((resolve) => clock.after(ms, resolve))
  }
}

type Fault = 'none' | 'refused' | 'slow' | 'slow answer' | 'answer lost'

function contender(identity: string, lease: FakeLease, clock: FakeClock, fault?: () => Fault) {
  const events: string[] = []
  const elector = new LeaderElector({
    store: lease.store(clock, fault),
    identity,
    clock,
    onLeading: () => events.push('leading'),
    onLost: (reason) => events.push(`lost: ${reason}`),
  })
  return { elector, events }
}

describe('an elector', () => {
  test('creates the lease, leads, and renews it every two seconds', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    const { elector, events } = contender('a', lease, clock)
    elector.start()
    expect(elector.isHeld()).toBe(false)
    await clock.advance(60_000)
    expect(events).toEqual(['leading'])
    expect(elector.isHeld()).toBe(true)
    expect(elector.role).toBe('leader')
    expect(lease.writes).toHaveLength(31)
    expect(lease.lease?.spec).toMatchObject({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
    })
    // metav1.MicroTime refuses anything but six digits after the point.
    expect(lease.lease?.spec.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  })

  test('stands by while another renews, and takes over when it stops, after the lease but not before', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    let dead = false
    const a = contender('a', lease, clock, () => (dead ? 'refused' : 'none'))
    const b = contender('b', lease, clock)
    a.elector.start()
    await settle()
    b.elector.start()
    await clock.advance(60_000)
    expect(b.events).toEqual([])
    expect(b.elector.role).toBe('standby')
    dead = true
    const last = lease.writes.at(-1)?.at ?? 0
    await clock.advance(30_000)
    expect(a.events).toEqual(['leading', 'lost: the lease was not renewed in time'])
    expect(b.events).toEqual(['leading'])
    const taken = lease.writes.find(({ holderIdentity }) => holderIdentity === 'b')
    expect(taken?.at).toBeGreaterThan(last + 15_000)
    expect(taken?.at).toBeLessThan(last + 21_000)
    expect(taken?.leaseTransitions).toBe(1)
  })

  test('counts one time with the leader before, however their clocks differ', async () => {
    const lease = new FakeLease()
    const clocks = [new FakeClock(), new FakeClock()] as const
    const [first, second] = clocks
    const a = contender('a', lease, first)
    const b = contender('b', lease, second)
    second.shiftWall(3_600_000)
    const advance = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 100) for (const clock of clocks) await clock.advance(100)
    }
    a.elector.start()
    await settle()
    b.elector.start()
    await advance(60_000)
    const before = a.elector.nowMs()
    expect(before).toBe(first.wallMs())
    await a.elector.stop()
    await advance(10_000)
    expect(b.events).toEqual(['leading'])
    // Within a retry of each other, and a hundredth nearer to its own clock.
    expect(b.elector.nowMs()).toBeGreaterThanOrEqual(before + 10_000 - 2_500)
    expect(b.elector.nowMs()).toBeLessThanOrEqual(before + 10_000 + 2_500)
  })

  test('does not take the time of a lease that it never saw renewed', async () => {
    const lease = new FakeLease()
    const clock = new FakeClock()
    lease.lease = {
      resourceVersion: '9',
      spec: { holderIdentity: '', renewTime: '2001-01-01T00:00:00.000000Z' },
    }
    const { elector } = contender('a', lease, clock)
    elector.start()
    await clock.advance(1_000)
    expect(elector.nowMs()).toBe(clock.wallMs())
  })

  test('gives the lease back when it stops, and a successor need not wait for its end', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    const a = contender('a', lease, clock)
    const b = contender('b', lease, clock)
    a.elector.start()
    await settle()
    b.elector.start()
    await clock.advance(10_000)
    const stopped = a.elector.stop()
    expect(lease.lease?.spec.holderIdentity).toBe('a')
    await stopped
    expect(lease.lease?.spec).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 })
    expect(a.elector.isHeld()).toBe(false)
    expect(a.elector.role).toBe('stopped')
    expect(a.elector.problem()).toBeUndefined()
    await clock.advance(2_500)
    expect(b.events).toEqual(['leading'])
    expect(a.events).toEqual(['leading'])
  })

  test('stops without a trace when it never led', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    const a = contender('a', lease, clock)
    const b = contender('b', lease, clock)
    a.elector.start()
    await settle()
    b.elector.start()
    await clock.advance(3_000)
    await b.elector.stop()
    expect(lease.lease?.spec.holderIdentity).toBe('a')
    expect(a.elector.isHeld()).toBe(true)
  })

  test('finds itself too late after a stop of the process, before any timer fires', async () => {
    const clock = new FakeClock()
    const { elector, events } = contender('a', new FakeLease(), clock)
    elector.start()
    await clock.advance(1_000)
    clock.jump(9_500)
    expect(elector.isHeld()).toBe(false)
    expect(elector.role).toBe('lost')
    expect(events).toEqual(['leading', 'lost: the lease was not renewed in time'])
  })

  test('does not come back when a renewal succeeds after all, once it was too late', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    let slow = false
    const { elector, events } = contender('a', lease, clock, () => (slow ? 'slow answer' : 'none'))
    elector.start()
    await clock.advance(1_999)
    slow = true
    await clock.advance(1)
    // The renewal has landed, its answer is under way, and the process is stopped for a minute.
    clock.jump(60_000)
    expect(elector.isHeld()).toBe(false)
    slow = false
    await clock.advance(60_000)
    expect(elector.isHeld()).toBe(false)
    expect(elector.role).toBe('lost')
    expect(events).toEqual(['leading', 'lost: the lease was not renewed in time'])
    expect(elector.problem()).toMatch(/has not exited/)
  })

  test('notices the sleep of the whole machine, which the monotonic clock does not', async () => {
    const clock = new FakeClock()
    const { elector } = contender('a', new FakeLease(), clock)
    elector.start()
    await clock.advance(1_000)
    clock.shiftWall(60_000)
    expect(elector.isHeld()).toBe(false)
  })

  test('is not fooled by a wall clock that is set back', async () => {
    const clock = new FakeClock()
    const { elector } = contender('a', new FakeLease(), clock)
    elector.start()
    await clock.advance(1_000)
    clock.shiftWall(-3_600_000)
    clock.jump(9_500)
    expect(elector.isHeld()).toBe(false)
  })

  test('counts from the start of a request, not from its answer', async () => {
    const clock = new FakeClock()
    let fault: Fault = 'slow answer'
    const { elector } = contender('a', new FakeLease(), clock, () => fault)
    elector.start()
    // The read takes 3.5 s, and so does the write, which begins then.
    await clock.advance(7_000)
    expect(elector.role).toBe('leader')
    fault = 'refused'
    await clock.advance(6_400)
    expect(elector.isHeld()).toBe(true)
    clock.jump(200)
    expect(elector.isHeld()).toBe(false)
  })

  test('survives one attempt that hangs and one edit by somebody else', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    const faults: Fault[] = []
    const { elector, events } = contender('a', lease, clock, () => faults.shift() ?? 'none')
    elector.start()
    await clock.advance(10_000)
    faults.push('slow', 'answer lost')
    await clock.advance(20_000)
    lease.touch()
    await clock.advance(20_000)
    expect(elector.isHeld()).toBe(true)
    expect(events).toEqual(['leading'])
  })

  test('keeps leading when its lease is deleted, and nobody who saw it held takes it meanwhile', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    const a = contender('a', lease, clock)
    const b = contender('b', lease, clock)
    a.elector.start()
    await settle()
    b.elector.start()
    await clock.advance(11_000)
    lease.lease = undefined
    await clock.advance(30_000)
    expect(a.elector.isHeld()).toBe(true)
    expect(b.events).toEqual([])
    expect(lease.lease).toMatchObject({ spec: { holderIdentity: 'a' } })
  })

  test('gives up at once when it reads that another holds the lease', async () => {
    const clock = new FakeClock()
    const lease = new FakeLease()
    const { elector, events } = contender('a', lease, clock)
    elector.start()
    await clock.advance(5_000)
    lease.lease = { resourceVersion: 'x', spec: { holderIdentity: 'intruder', leaseDurationSeconds: 15 } }
    await clock.advance(4_500)
    expect(elector.isHeld()).toBe(false)
    expect(events).toEqual(['leading', 'lost: the lease passed to intruder'])
  })

  test('reports a loop that does not turn', async () => {
    const clock = new FakeClock()
    const never = new Promise<never>(() => undefined)
    const elector = new LeaderElector({
      store: { read: () => never, create: () => never, replace: () => never },
      identity: 'a',
      clock,
      onLeading: () => undefined,
      onLost: () => undefined,
    })
    elector.start()
    await clock.advance(60_000)
    expect(elector.problem()).toBeUndefined()
    await clock.advance(5_000)
    expect(elector.problem()).toBe('the lease was not looked at for 65 s')
  })
})

describe('among three contenders', () => {
  /** A process with a clock of its own, which stands still for nobody but whose timers do not fire while it is stopped. */
  const process = fc.record({
    faults: fc.array(
      fc.constantFrom<Fault>('none', 'none', 'none', 'refused', 'slow', 'slow answer', 'answer lost'),
      { maxLength: 40 },
    ),
    stops: fc.array(fc.record({ at: fc.nat(240), seconds: fc.integer({ min: 1, max: 60 }) }), {
      maxLength: 3,
    }),
    leaves: fc.option(fc.nat(240), { nil: undefined }),
    chance: fc.double({ min: 0, max: 0.99, noNaN: true }),
  })

  test('never two hold the lease, whatever is refused, slow, lost or stopped', async () => {
    let terms = 0
    await fc.assert(
      fc.asyncProperty(fc.array(process, { minLength: 3, maxLength: 3 }), fc.nat(6), async (plans, edits) => {
        const lease = new FakeLease()
        const world = plans.map(({ faults, chance, ...plan }, index) => {
          const clock = new FakeClock()
          clock.chance = () => chance
          const left = [...faults]
          return {
            ...plan,
            clock,
            awakeAt: 0,
            gone: false,
            ...contender(String(index), lease, clock, () => left.shift() ?? 'none'),
          }
        })
        for (const { elector } of world) elector.start()
        for (let tick = 0; tick < 4 * 240; tick++) {
          const second = tick / 4
          if (edits > 0 && second % (40 * edits) === 39) lease.touch()
          for (const one of world) {
            const stop = one.stops.find(({ at }) => at === second)
            if (stop) one.awakeAt = Math.max(one.awakeAt, second + stop.seconds)
            if (one.leaves === second && one.awakeAt <= second) {
              one.gone = true
              void one.elector.stop()
            }
            // A stopped process sees its clock go on, and its timers late.
            if (one.awakeAt > second) one.clock.jump(250)
            else await one.clock.advance(250)
          }
          // Asked of stopped ones too: what they would find on waking must already be true.
          const holders = world.filter(({ elector }) => elector.isHeld())
          expect(holders.length).toBeLessThanOrEqual(1)
        }
        terms += world.flatMap(({ events }) => events).filter((event) => event === 'leading').length
      }),
      { numRuns: 40 },
    )
    // The property would be empty if nobody ever led.
    expect(terms).toBeGreaterThan(60)
  })
})
