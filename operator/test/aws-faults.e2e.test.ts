/**
 * Every fault of docs/faults.md: a real cluster, the operator in its pods, a CloudFront over the wire, viewers through
 * its edges. Each strikes a release of its own, and after each the same five invariants must have held.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openEnvironment, type Environment } from '../../demo/environment.ts'
import { DEMO_DIR } from '../../demo/running.ts'
import { adminOf, type Admin } from './aws-faults/admin.ts'
import { violationsOf } from './aws-faults/invariants.ts'
import { begin, type Begun } from './aws-faults/begun.ts'
import type { Play } from './aws-faults/play.ts'
import { ALONE } from './aws-faults/plays-alone.ts'
import { crashWave, edgesWave, type Wave } from './aws-faults/plays-together.ts'
import { FAULTS, type FaultName } from './aws-faults/table.ts'
import { Pool } from './aws-faults/together.ts'

/** The very first run on a machine builds Kubernetes. */
const SETUP_MS = 15 * 60_000
/** A test only waits for its fault, and all of them run beside each other. */
const TEST_MS = 10 * 60_000
const LOG_DIR = join(DEMO_DIR, 'faults')
/** Releases that are worked on at the same time: enough to fill the waiting, few enough for two cores. */
const AT_ONCE = 5

type Ending = { violations: string[] } | { error: unknown }
const endings = new Map<string, Promise<Ending>>()

let environment: Environment
const stopped = new AbortController()

beforeAll(async () => {
  rmSync(LOG_DIR, { recursive: true, force: true })
  environment = await openEnvironment({
    ...{ name: 'faults', range: '10.234.0.0/16', logDir: LOG_DIR, report: () => undefined },
    // Moves of one distribution need not keep the distance that the limits of AWS ask for.
    operator: { CLOUDFRONT_UPDATE_SPACING_SECONDS: '1' },
    signal: stopped.signal,
  })
  startAll(adminOf(environment))
}, SETUP_MS)

afterAll(async () => {
  await environment.close()
}, 60_000)

/** Those of one distribution as there is room for them; then those of all edges together; then those of the operator. */
function startAll(admin: Admin): void {
  const pool = new Pool(AT_ONCE)
  const start = (play: Play): Promise<Begun> => begin(environment, admin, play)
  const alone = Object.entries<Play>(ALONE).map(([name, play]) => {
    const ending = pool.run(async () => endingOf(play, await start(play)))
    endings.set(name, told(ending))
    return ending
  })
  let before: Promise<unknown> = Promise.allSettled(alone)
  for (const wave of [edgesWave(admin, environment.cloudFront.edges.length), crashWave(environment, admin)])
    before = Promise.allSettled(startWave(wave, { pool, start, before }))
}

type Start = { pool: Pool; start: (play: Play) => Promise<Begun>; before: Promise<unknown> }

/** Releases are made live as there is room; the fault strikes all of them when what comes before is over. */
function startWave({ plays, meetings }: Wave, { pool, start, before }: Start): Promise<unknown>[] {
  return Object.entries(plays).map(([name, play]) => {
    const begun = pool.run(() => start(play))
    // It is asked for much later; until then nobody would be told.
    begun.catch(() => undefined)
    const ending = before.then(async () => endingOf(play, await begun))
    ending.catch((error: unknown) => {
      for (const meeting of meetings) meeting.cancel(error)
    })
    endings.set(name, told(ending))
    return ending
  })
}

async function endingOf({ play }: Play, begun: Begun): Promise<string[]> {
  return violationsOf(await begun.strike(play))
}

/** Never rejects: a test may ask for it much later. */
function told(ending: Promise<string[]>): Promise<Ending> {
  return ending.then(
    (violations) => ({ violations }),
    (error: unknown) => ({ error }),
  )
}

test.each(Object.entries(FAULTS).map(([name, { inject }]) => ({ name: name as FaultName, inject })))(
  '$name: $inject',
  async ({ name }) => {
    const ending = await endings.get(name)
    if (!ending) throw new Error(`nobody plays ${name}`)
    if ('error' in ending) throw ending.error
    expect(ending.violations).toEqual([])
  },
  TEST_MS,
)
