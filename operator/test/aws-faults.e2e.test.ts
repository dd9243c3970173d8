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
import { BY_KEY } from './aws-faults/plays-key.ts'
import { LONG } from './aws-faults/plays-long.ts'
import { crashWave, edgesWave, type Wave } from './aws-faults/plays-together.ts'
import { FAULTS } from './aws-faults/table.ts'
import { Pool } from './aws-faults/together.ts'

/** The very first run on a machine builds Kubernetes. */
const SETUP_MS = 15 * 60_000
/** A test only waits for its fault, and all of them run beside each other: the first one may wait for all. */
const TEST_MS = 20 * 60_000
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
    // Moves of one distribution need not keep the distance that the limits of AWS ask for; these edges follow a key
    // within two seconds.
    operator: { CLOUDFRONT_UPDATE_SPACING_SECONDS: '1', CLOUDFRONT_STORE_SETTLE_SECONDS: '3' },
    signal: stopped.signal,
  })
  startAll(adminOf(environment))
}, SETUP_MS)

afterAll(async () => {
  await environment.close()
}, 60_000)

/**
 * Those of one distribution or key as there is room for them, and beside them what lasts for minutes; then those of all
 * edges together; then, when nothing else is left, those of the operator.
 */
function startAll(admin: Admin): void {
  const pool = new Pool(AT_ONCE)
  const start = (play: Play): Promise<Begun> => begin(environment, admin, play)
  const long = startWave({ plays: chosen(LONG), meetings: [] }, { pool, start, before: Promise.resolve() })
  const alone = Object.entries(chosen({ ...ALONE, ...BY_KEY })).map(([name, play]) => {
    const ending = pool.run(async () => endingOf(play, await start(play)))
    endings.set(name, told(ending))
    return ending
  })
  const wave = edgesWave(admin, environment.cloudFront.edges.length, isPlayed)
  const edges = startWave(wave, { pool, start, before: Promise.allSettled(alone) })
  const before = Promise.allSettled([...long, ...alone, ...edges])
  void startWave(crashWave(environment, admin, isPlayed), { pool, start, before })
}

/** FAULTS_ONLY=F6,F17 plays these rows alone. */
function isPlayed(name: string): boolean {
  const { FAULTS_ONLY } = process.env
  return !FAULTS_ONLY || FAULTS_ONLY.split(',').some((one) => name === one || name.startsWith(`${one} `))
}

function chosen(plays: Readonly<Record<string, Play>>): Record<string, Play> {
  return Object.fromEntries(Object.entries(plays).filter(([name]) => isPlayed(name)))
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

const played = Object.entries(FAULTS).filter(([name]) => isPlayed(name))

test.each(played.map(([name, { inject }]) => ({ name, inject })))(
  '$name: $inject',
  async ({ name }) => {
    const ending = await endings.get(name)
    if (!ending) throw new Error(`nobody plays ${name}`)
    if ('error' in ending) throw ending.error
    expect(ending.violations).toEqual([])
  },
  TEST_MS,
)
