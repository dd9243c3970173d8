import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Attempt, ModelRelease, Spec, Status } from '../../operator/api/release.ts'
import { meaningOf } from '../../operator/planner/model/revision.ts'
import { housing, knownHouse } from '../../operator/test/fakes/simulated-world.ts'
import { PlayedRelease, type Snapshot } from '../test/played-release.ts'
import {
  beginFollowing,
  decidesAt,
  REFUSED_AFTER_MS,
  see,
  STALLED_AFTER_MS,
  type Following,
  type Sighting,
} from './follower.ts'

const RIGHT = housing(1, { progressDeadlineSeconds: 60 })
const OTHER = housing(2, { progressDeadlineSeconds: 60 })
const WRONG = housing(2, { behavior: 'wrong', progressDeadlineSeconds: 60 })
const CRASHING = housing(3, { behavior: 'crashing', progressDeadlineSeconds: 30 })
const INVALID = { ...housing(3), model: undefined } as unknown as Spec

/** What CI would have been told, had it read all of these. */
function followed(
  begun: ModelRelease,
  seen: readonly Snapshot[],
  options: { unchanged?: boolean } = {},
): Following {
  const [first] = seen
  const following = beginFollowing(begun, {
    at: first?.at ?? 0,
    timeoutMs: undefined,
    unchanged: options.unchanged ?? false,
  })
  return seen.reduce((known, { at, release }) => see(known, { type: 'Release', at, release }), following)
}

/** As `followed`, and then time passes until nothing more is decided by it. */
function waitedFor(following: Following): Following {
  const at = decidesAt(following)
  return at === undefined ? following : see(following, { type: 'Tick', at })
}

async function livePlay(spec: Spec = RIGHT): Promise<PlayedRelease> {
  const play = new PlayedRelease(spec)
  await play.run()
  expect(play.world.status?.attempt?.outcome).toBe('Promoted')
  return play
}

function isMoving({ world }: PlayedRelease): boolean {
  return world.status?.traffic?.propagated === 'No'
}

/** Applies a spec and lets the operator make of it what it will. */
async function applied(play: PlayedRelease, spec: Spec): Promise<{ begun: ModelRelease; from: number }> {
  const from = play.seen.length
  const begun = await play.act((world) => world.apply(spec))
  return { begun, from }
}

describe('what one apply started', () => {
  test.each([
    ['a right model', OTHER, 'Promoted', 0],
    ['a model that answers wrong', WRONG, 'Failed', 1],
    ['a model that crashes', CRASHING, 'Failed', 1],
    ['a spec that is invalid', INVALID, 'Stalled', 1],
    [
      'a model that users get wrong answers of',
      housing(2, { behavior: 'broken-through-edges' }),
      'RolledBack',
      1,
    ],
  ])('%s', async (_, spec, result, exitCode) => {
    const play = await livePlay()
    const { begun, from } = await applied(play, spec)
    await play.run()
    expect(waitedFor(followed(begun, play.seen.slice(from))).end).toMatchObject({ result, exitCode })
  })

  test('the success of the spec before is not its own, as long as the operator has not looked', async () => {
    const play = await livePlay()
    const { begun } = await applied(play, OTHER)
    expect(begun.status?.attempt?.outcome).toBe('Promoted')
    expect(followed(begun, [{ at: 0, release: begun }]).end).toBeUndefined()
  })

  test('nor while the operator sees an earlier attempt through', async () => {
    const play = await livePlay()
    await play.act((world) => world.apply(OTHER))
    while (!isMoving(play)) await play.run(1)
    const { begun, from } = await applied(play, housing(3))
    await play.run()
    const seen = play.seen.slice(from)
    const ends = seen.map((_, index) => followed(begun, seen.slice(0, index + 1)))
    const decided = ends.find(({ end }) => end)
    expect(decided?.end?.result).toBe('Promoted')
    const { attempt, liveRevision, observedGeneration } = decided?.release?.status ?? {}
    expect([attempt?.revision, observedGeneration]).toEqual([liveRevision, begun.metadata.generation])
  })

  test('an unchanged spec that is live is live', async () => {
    const play = await livePlay()
    const release = await play.world.release()
    const { end } = followed(release, [], { unchanged: true })
    expect(end).toMatchObject({ exitCode: 0, result: 'Promoted' })
    expect(end?.message).toMatch(/^nothing had changed/)
  })

  test('an unchanged spec that failed has failed, and starts nothing', async () => {
    const play = await livePlay()
    await applied(play, WRONG)
    await play.run()
    const { end } = followed(await play.world.release(), [], { unchanged: true })
    expect(end).toMatchObject({ exitCode: 1, result: 'Failed' })
    expect(end?.message).toMatch(/this apply changed nothing/)
  })

  test('an unchanged spec that was undone since is no success', async () => {
    const play = await livePlay()
    await applied(play, OTHER)
    await play.run(40)
    await play.act((world) => world.command('undo', '1'))
    await play.run()
    expect(play.world.status?.attempt?.outcome).toBe('RolledBack')
    const { end } = followed(await play.world.release(), [], { unchanged: true })
    expect(end).toMatchObject({ exitCode: 1, result: 'RolledBack' })
  })

  test('an unchanged spec whose pointer somebody moved is not live', async () => {
    const play = await livePlay()
    await applied(play, OTHER)
    await play.run(40)
    await play.act((world) => world.pointElsewhereAtOnce('housing-green'))
    await play.run(30)
    const release = await play.world.release()
    expect(release.status?.attempt?.outcome).toBe('Promoted')
    expect(waitedFor(followed(release, [], { unchanged: true })).end).toMatchObject({
      exitCode: 1,
      result: 'Stalled',
    })
  })

  test('a command that the operator has not taken yet is waited for', async () => {
    const play = await livePlay()
    await applied(play, WRONG)
    await play.run()
    const from = play.seen.length
    const begun = await play.act((world) => {
      world.command('retry', '1')
    })
    expect(followed(begun, []).end).toBeUndefined()
    await play.run()
    expect(followed(begun, play.seen.slice(from)).end?.result).toBe('Failed')
  })

  test('another apply before the operator looked at it', async () => {
    const play = await livePlay()
    const { begun, from } = await applied(play, OTHER)
    await play.act((world) => world.apply(housing(3)))
    await play.run()
    expect(followed(begun, play.seen.slice(from)).end).toMatchObject({ exitCode: 1, result: 'Superseded' })
  })

  test('another apply in the middle of it', async () => {
    const play = await livePlay()
    const { begun, from } = await applied(play, OTHER)
    await play.run(3)
    await play.act((world) => world.apply(housing(3)))
    await play.run()
    expect(followed(begun, play.seen.slice(from)).end).toMatchObject({ exitCode: 1, result: 'Superseded' })
  })

  test('another apply that brings back what was live is not its success', async () => {
    const play = await livePlay()
    const { begun, from } = await applied(play, OTHER)
    await play.run(3)
    await play.act((world) => world.apply(RIGHT))
    await play.run()
    expect(play.world.status?.attempt?.outcome).toBe('Promoted')
    expect(followed(begun, play.seen.slice(from)).end).toMatchObject({ exitCode: 1, result: 'Superseded' })
  })

  test('another apply of nothing but a number of pods goes on with the same attempt', async () => {
    const play = await livePlay()
    const { begun, from } = await applied(play, OTHER)
    await play.run(3)
    await play.act((world) => world.apply({ ...OTHER, replicas: 3 }))
    await play.run()
    expect(followed(begun, play.seen.slice(from)).end).toMatchObject({ exitCode: 0, result: 'Promoted' })
  })

  test('promoted while nobody looked, and then another spec was applied: the history tells', async () => {
    const play = await livePlay()
    const { begun, from } = await applied(play, OTHER)
    await play.run(2)
    const early = play.seen.slice(from)
    await play.run()
    await play.act((world) => world.apply(housing(3)))
    await play.run()
    const late = play.seen.slice(-1)
    expect(followed(begun, [...early, ...late]).end).toMatchObject({ exitCode: 0, result: 'Promoted' })
  })

  test('failed while nobody looked, and then another spec was applied: the history tells', async () => {
    const play = await livePlay()
    const { begun, from } = await applied(play, WRONG)
    await play.run(2)
    const early = play.seen.slice(from)
    await play.run()
    await play.act((world) => world.apply(housing(3)))
    await play.run()
    expect(followed(begun, [...early, ...play.seen.slice(-1)]).end).toMatchObject({
      exitCode: 1,
      result: 'Failed',
    })
  })

  test('the same attempt as one that was promoted long ago, superseded: the old entry of the history is not its own', async () => {
    const play = await livePlay(OTHER)
    await applied(play, RIGHT)
    await play.run()
    const { begun, from } = await applied(play, OTHER)
    await play.run(3)
    await play.act((world) => world.apply(housing(3)))
    await play.run()
    expect(followed(begun, play.seen.slice(from)).end).toMatchObject({ exitCode: 1, result: 'Superseded' })
  })

  test('a status that is wiped is not the end', async () => {
    const play = await livePlay()
    const { begun, from } = await applied(play, OTHER)
    await play.run(4)
    await play.act((world) => world.wipeStatus())
    await play.run()
    expect(followed(begun, play.seen.slice(from)).end).toMatchObject({ exitCode: 0, result: 'Promoted' })
  })
})

describe('what is no attempt', () => {
  const begun: ModelRelease = {
    metadata: { name: 'housing', namespace: 'models', uid: 'u', generation: 3, resourceVersion: '1' },
    spec: RIGHT,
  }
  const start = beginFollowing(begun, { at: 0, timeoutMs: 600_000, unchanged: false })
  const after = (...sightings: Sighting[]): Following['end'] => sightings.reduce(see, start).end
  const with_ = (at: number, status: Status): Sighting => ({
    type: 'Release',
    at,
    release: { ...begun, status },
  })
  const stalled = (reason: string): Status => ({
    observedGeneration: 3,
    conditions: [
      {
        type: 'Stalled',
        status: 'True',
        reason,
        message: 'm',
        lastTransitionTime: 't',
        observedGeneration: 3,
      },
    ],
  })

  test('time', () => {
    expect(after({ type: 'Tick', at: 599_999 })).toBeUndefined()
    expect(after({ type: 'Tick', at: 600_000 })).toMatchObject({ exitCode: 2, result: 'TimedOut' })
  })

  test('deleted, or made anew', () => {
    expect(after({ type: 'Gone', at: 1 })).toMatchObject({ exitCode: 3, result: 'Deleted' })
    const other = { ...begun, metadata: { ...begun.metadata, uid: 'v' } }
    expect(after({ type: 'Release', at: 1, release: other })).toMatchObject({
      exitCode: 3,
      result: 'Deleted',
    })
    const leaving = { ...begun, metadata: { ...begun.metadata, deletionTimestamp: 'now' } }
    expect(after({ type: 'Release', at: 1, release: leaving })).toMatchObject({
      exitCode: 3,
      result: 'Deleted',
    })
  })

  test('an API server that is away decides nothing but the time', () => {
    const away = (at: number): Sighting => ({ type: 'Unreachable', at, message: 'refused' })
    expect(after(away(1000), away(61_000), away(599_000))).toBeUndefined()
    expect(after(away(1000), away(600_000))).toMatchObject({ exitCode: 2 })
  })

  test('a refusal is believed when it lasts', () => {
    const refused = (at: number): Sighting => ({ type: 'Refused', at, message: 'forbidden' })
    expect(after(refused(1000), refused(1000 + REFUSED_AFTER_MS - 1))).toBeUndefined()
    expect(after(refused(1000), refused(1000 + REFUSED_AFTER_MS))).toMatchObject({
      exitCode: 3,
      result: 'Refused',
    })
    expect(after(refused(1000), with_(2000, {}), refused(1000 + REFUSED_AFTER_MS))).toBeUndefined()
  })

  test('what stalls is given a moment, an invalid spec is not', () => {
    expect(after(with_(1000, stalled('AccessDenied')))).toBeUndefined()
    expect(
      after(with_(1000, stalled('AccessDenied')), { type: 'Tick', at: 1000 + STALLED_AFTER_MS }),
    ).toMatchObject({
      exitCode: 1,
      result: 'Stalled',
    })
    expect(
      after(with_(1000, stalled('AccessDenied')), with_(2000, { observedGeneration: 3 }), {
        type: 'Tick',
        at: 1000 + STALLED_AFTER_MS,
      }),
    ).toBeUndefined()
    expect(after(with_(1000, stalled('InvalidSpec')))).toMatchObject({ exitCode: 1, result: 'Stalled' })
  })

  test('what is stalled of an earlier generation is not ours', () => {
    const old = stalled('InvalidSpec')
    const conditions = old.conditions?.map((one) => ({ ...one, observedGeneration: 2 })) ?? []
    expect(after(with_(1000, { observedGeneration: 2, conditions }))).toBeUndefined()
  })

  test('nothing is decided twice', () => {
    const end = [{ type: 'Gone', at: 1 } as const, with_(2, stalled('InvalidSpec'))].reduce(see, start)
    expect(end.end?.result).toBe('Deleted')
  })
})

/** Things that users, other pipelines and faults do around an apply. */
type Step =
  | { type: 'Apply'; spec: number }
  | { type: 'Run'; passes: number }
  | { type: 'Command'; verb: 'abort' | 'undo' | 'retry' }
  | { type: 'Crash' }
  | { type: 'Wipe' }
  | { type: 'Drift' }

const SPECS: readonly Spec[] = [
  RIGHT,
  OTHER,
  WRONG,
  CRASHING,
  INVALID,
  { ...OTHER, replicas: 3 },
  { ...OTHER, gates: [knownHouse(1)] },
  housing(3, { behavior: 'broken-through-edges', progressDeadlineSeconds: 30 }),
]

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constant('Apply' as const), spec: fc.nat(SPECS.length - 1) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ type: fc.constant('Run' as const), passes: fc.integer({ min: 1, max: 25 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('Command' as const),
        verb: fc.constantFrom('abort' as const, 'undo' as const, 'retry' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { type: 'Crash' as const },
        { type: 'Wipe' as const },
        { type: 'Drift' as const },
      ),
    },
  ),
  { maxLength: 7 },
)

async function play(played: PlayedRelease, step: Step, nonce: number): Promise<void> {
  if (step.type === 'Run') return played.run(step.passes)
  await played.act((world) => {
    if (step.type === 'Apply') world.apply(SPECS[step.spec] ?? RIGHT)
    else if (step.type === 'Command') world.command(step.verb, String(nonce))
    else if (step.type === 'Crash') world.restarts += 1
    else if (step.type === 'Wipe') world.wipeStatus()
    else world.pointElsewhereAtOnce('housing-green')
  })
}

/** Whether the release was, as seen here, what an exit code of 0 promises of a spec. */
function isLiveSuccess(
  { release }: Snapshot,
  spec: Spec,
  generation: number,
  specs: ReadonlyMap<number, Spec>,
): boolean {
  const { observedGeneration = 0, attempt, liveRevision } = release.status ?? {}
  const looked = specs.get(observedGeneration)
  return (
    observedGeneration >= generation &&
    looked !== undefined &&
    meaningOf(looked) === meaningOf(spec) &&
    attempt?.outcome === 'Promoted' &&
    attempt.revision === liveRevision
  )
}

function outcomesOf(all: readonly Snapshot[]): unknown[] {
  return all.map(({ release }) => release.status?.history?.[0]?.outcome)
}

function hasFailed(attempt: Attempt | undefined): boolean {
  return attempt?.outcome !== undefined && attempt.outcome !== 'Promoted'
}

type Truth = { begun: ModelRelease; all: readonly Snapshot[]; specs: ReadonlyMap<number, Spec> }

/** What an end says must have been so, in the eyes of somebody who saw everything. */
function checkEnd(end: Following['end'], { begun, all, specs }: Truth): void {
  const { metadata, spec } = begun
  const { generation } = metadata
  const { attempt, observedGeneration } = all.at(-1)?.release.status ?? {}
  const isOther = ([at, other]: [number, Spec]): boolean =>
    at > generation && meaningOf(other) !== meaningOf(spec)
  if (end?.exitCode === 0) expect(all.some((one) => isLiveSuccess(one, spec, generation, specs))).toBe(true)
  if (end?.result === 'Superseded') expect([...specs].some(isOther)).toBe(true)
  if (end && ['Failed', 'Aborted', 'RolledBack'].includes(end.result))
    expect(outcomesOf(all)).toContain(end.result)
  // At rest there is an answer where the operator has one.
  if (observedGeneration === generation && hasFailed(attempt)) expect(end).toBeDefined()
}

test('whatever happens around an apply, and however little is seen of it, no older success is read, and every end is true', async () => {
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.nat(SPECS.length - 1),
      steps,
      fc.array(fc.nat(9), { minLength: 20, maxLength: 20 }),
      async (before, own, after, sampling) => {
        const played = new PlayedRelease(RIGHT)
        await played.run(30)
        for (const [index, step] of before.entries()) await play(played, step, index)
        const spec = SPECS[own] ?? RIGHT
        const from = played.seen.length
        const begun = await played.act((world) => world.apply(spec))
        for (const [index, step] of after.entries()) await play(played, step, 100 + index)
        await played.run()
        const all = played.seen.slice(from)
        const last = all.slice(-1)
        // A reader that misses most of it, and finds the API server away in between.
        const some = all.filter((_, index) => sampling[index % sampling.length] === 0)
        for (const seen of [all, [...some, ...last], last])
          checkEnd(waitedFor(followed(begun, seen)).end, { begun, all, specs: played.world.specs })
      },
    ),
    { numRuns: 60 },
  )
})
