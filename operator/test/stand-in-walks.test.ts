/**
 * Random walks of the real loop with the real driver, over the wire, against the real stand-in and its edges: whatever
 * users, other writers, AWS and the operator's own deaths do, users are answered by what was proven, and it ends well.
 *
 * `WALKS=2000` takes so many walks, others in each run; what fails is told with its seed and its path, and
 * `WALK_SEED=… WALK_PATH=…` walks it again.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { tell, walks, type WalkStep } from './stand-in/actions.ts'
import { MISTAKES } from './stand-in/mistakes.ts'
import { Stage, walk } from './stand-in/walker.ts'

const { WALKS, WALK_SEED, WALK_PATH } = process.env
/** Takes some ten seconds on a machine of its own. */
const USUAL_WALKS = 24
const USUAL_SEED = 20_260_101
/** A shrunk walk is worth the wait. */
const LONGEST_MS = 3_600_000
/** Far more than a walk takes on the busiest machine. */
const STUCK_MS = 300_000
const LINES_TOLD = 60

const stage = new Stage()
beforeAll(() => stage.open())
afterAll(() => stage.close())

test(
  'users are answered by what was proven, at every edge, at every instant, and every release settles',
  async () => {
    const isUsual = WALKS === undefined && WALK_SEED === undefined
    const property = fc.asyncProperty(walks, async (plan) => {
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

/** For each mistake a walk that shows it, as short as it can be, and what it says. */
const FOUND: Record<keyof typeof MISTAKES, { steps: WalkStep[]; says: RegExp }> = {
  'an edge that does not follow yet is taken for one that does': {
    steps: [
      passTime(100),
      { passes: 0, action: { type: 'HoldEdge', edge: 1, seconds: 600 } },
      { passes: 0, action: { type: 'Apply', spec: 'version 2' } },
      passTime(60),
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
  'the gates are believed without asking': {
    steps: [{ passes: 0, action: { type: 'Apply', spec: 'version 2, which answers wrong' } }],
    says: /moved to green without its gates|which no gate has passed/,
  },
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

describe('a walk finds', () => {
  test.each(Object.entries(FOUND) as [keyof typeof MISTAKES, (typeof FOUND)[keyof typeof MISTAKES]][])(
    '%s',
    async (name, { steps, says }) => {
      const plan = { seed: 0, steps }
      expect((await walk(stage, plan)).violations).toEqual([])
      expect((await walk(stage, plan, MISTAKES[name])).violations.join('\n')).toMatch(says)
    },
    60_000,
  )
})
