/**
 * Random walks of the real loop with the real drivers, over the wire, against the real emulator and its edges: whatever
 * users, other writers, AWS and the operator's own deaths do, users are answered by what was proven, and it ends well.
 *
 * `WALKS=2000` takes so many walks of each kind, others in each run; what fails is told with its seed and its path, and
 * `WALK_KIND=… WALK_SEED=… WALK_PATH=…` walks it again.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { tell, walksOf, type WalkStep } from './emulator/actions.ts'
import { MISTAKES } from './emulator/mistakes.ts'
import type { Kind } from './emulator/sites.ts'
import { Stage, walk } from './emulator/walker.ts'

const { WALKS, WALK_KIND, WALK_SEED, WALK_PATH } = process.env
/** Those of one kind take some ten seconds on a machine of its own. */
const USUAL_WALKS = 24
const USUAL_SEED = 20_260_101
const KINDS: readonly Kind[] = ['CloudFrontDistribution', 'CloudFrontKeyValueStore']
/** A shrunk walk is worth the wait. */
const LONGEST_MS = 3_600_000
/** Far more than a walk takes on the busiest machine. */
const STUCK_MS = 300_000
const LINES_TOLD = 60

const stage = new Stage()
beforeAll(() => stage.open())
afterAll(() => stage.close())

test.each(KINDS.filter((kind) => WALK_KIND === undefined || kind === WALK_KIND))(
  'users are answered by what was proven, at every edge, at every instant, and every release propagates: %s',
  async (kind) => {
    const isUsual = WALKS === undefined && WALK_SEED === undefined
    const property = fc.asyncProperty(walksOf(kind), async (plan) => {
      const { violations, lines } = await walk(stage, plan)
      if (violations.length === 0) return
      throw new Error([tell(plan), ...violations, ...lines.slice(-LINES_TOLD)].join('\n'))
    })
    await fc.assert(property, {
      timeout: STUCK_MS,
      numRuns: Number(WALKS ?? USUAL_WALKS),
      ...(isUsual ? { seed: USUAL_SEED } : {}),
      ...(WALK_SEED === undefined ? {} : { seed: Number(WALK_SEED) }),
      ...(WALK_PATH === undefined ? {} : { path: WALK_PATH }),
    })
  },
  LONGEST_MS,
)

const passTime = (seconds: number): WalkStep => ({ passes: 0, action: { type: 'TimePasses', seconds } })

type Found = { steps: WalkStep[]; says: RegExp }

const GATES_BELIEVED: Found = {
  steps: [{ passes: 0, action: { type: 'Apply', spec: 'version 2, which answers wrong' } }],
  says: /moved to green without its gates|which no gate has passed/,
}

/** For each mistake a walk that shows it, as short as it can be, and what it says. */
const FOUND: Partial<Record<keyof typeof MISTAKES, Found>> = {
  'an edge that does not follow yet is taken for one that does': {
    steps: [
      passTime(100),
      { passes: 0, action: { type: 'HoldEdge', edge: 1, seconds: 600 } },
      { passes: 0, action: { type: 'Apply', spec: 'version 2' } },
      // One edge does not show it, so it was taken back; the others are still about to follow.
      passTime(34),
      { passes: 0, action: { type: 'Apply', spec: 'version 3' } },
      passTime(100),
    ],
    says: /was removed (?:\d+ ms after it last served|while it is routed to)/,
  },
  'writes are guarded by the newest ETag, and not by the one that was read': {
    steps: [{ passes: 6, action: { type: 'EtagBump' } }],
    says: /was written without an observation to decide on/,
  },
  'writes lose what the SDK does not know': {
    steps: [{ passes: 0, action: { type: 'EtagBump' } }],
    says: /changes .*, too/,
  },
  'the gates are believed without asking': GATES_BELIEVED,
  'the pointer is moved before the status says so': {
    steps: [{ passes: 0, action: { type: 'EtagBump' } }],
    says: /moved to green without an intent that says so/,
  },
  'a color is taken away by what was read a while ago': {
    steps: [
      passTime(100),
      { passes: 0, action: { type: 'Apply', spec: 'version 2' } },
      passTime(100),
      { passes: 0, action: { type: 'PointElsewhere', parts: 'all', color: 'green' } },
      passTime(200),
    ],
    says: /green was removed while it is routed to/,
  },
}

/** The same where a key decides. */
const FOUND_BY_KEY: typeof FOUND = {
  'an edge that does not follow yet is taken for one that does': {
    steps: [
      passTime(200),
      { passes: 0, action: { type: 'Propagation', slowestSeconds: 40 } },
      { passes: 0, action: { type: 'Apply', spec: 'version 3 in steps, repaired, not kept warm' } },
      passTime(10),
      { passes: 0, action: { type: 'Command', verb: 'abort' } },
      passTime(100),
    ],
    says: /invalidated while an edge could cache the old answer again/,
  },
  'the gates are believed without asking': GATES_BELIEVED,
  'the pointer is moved before the status says so': {
    steps: [{ passes: 0, action: { type: 'OtherKey' } }],
    says: /moved to green without an intent that says so/,
  },
  'a color is taken away by what was read a while ago': {
    steps: [
      passTime(200),
      { passes: 0, action: { type: 'Apply', spec: 'version 2' } },
      passTime(100),
      { passes: 0, action: { type: 'WriteKey', color: 'green', weight: 0 } },
      passTime(200),
    ],
    says: /green was removed while it is routed to/,
  },
  'everybody is sent where a share of the clients was to go': {
    steps: [passTime(200), { passes: 0, action: { type: 'Apply', spec: 'version 2 in steps' } }],
    says: /leads where nobody wanted it/,
  },
  'each step of a canary is for other clients': {
    steps: [passTime(200), { passes: 0, action: { type: 'Apply', spec: 'version 2 in many steps' } }],
    says: /is in the share at \d+ % and not in it at \d+ % of the same canary/,
  },
  'nobody looks after those who meet an edge without the key': {
    steps: [
      passTime(200),
      { passes: 0, action: { type: 'Apply', spec: 'version 2' } },
      passTime(200),
      { passes: 0, action: { type: 'Apply', spec: 'version 3' } },
    ],
    says: /was removed while it is routed to/,
  },
}

const CASES = [
  ...Object.entries(FOUND).map(([name, found]) => ({ kind: KINDS[0], name, ...found })),
  ...Object.entries(FOUND_BY_KEY).map(([name, found]) => ({ kind: KINDS[1], name, ...found })),
] as (Found & { kind: Kind; name: keyof typeof MISTAKES })[]

describe('a walk finds', () => {
  test.each(CASES)(
    '$kind: $name',
    async ({ kind, name, steps, says }) => {
      const plan = { kind, seed: 0, steps }
      expect((await walk(stage, plan)).violations).toEqual([])
      expect((await walk(stage, plan, MISTAKES[name])).violations.join('\n')).toMatch(says)
    },
    STUCK_MS,
  )
})
