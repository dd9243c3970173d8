/**
 * Every fault of docs/faults.md: a real cluster, the operator in its pods, a CloudFront over the wire, viewers through
 * its edges. Each strikes a release of its own, and after each the same five invariants must have held.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openEnvironment, type Environment } from '../../../demo/environment.ts'
import { DEMO_DIR } from '../../../demo/running.ts'
import { adminOf, type Admin } from './aws-faults/admin.ts'
import { violationsOf } from './aws-faults/invariants.ts'
import { begin, type Started } from './aws-faults/started.ts'
import type { Scenario } from './aws-faults/scenario.ts'
import { ALONE } from './aws-faults/scenarios-alone.ts'
import { BY_KEY } from './aws-faults/scenarios-key.ts'
import { LONG } from './aws-faults/scenarios-long.ts'
import { crashWave, edgesWave, type Wave } from './aws-faults/scenarios-together.ts'
import { FAULTS } from './aws-faults/table.ts'
import { Pool } from './aws-faults/together.ts'
import { MachineBusyError, refuseTooBusy, untilJudged } from './under-load.ts'

/** The very first run on a machine builds Kubernetes. */
const SETUP_MS = 15 * 60_000
/** A test only waits for its fault, and all of them run beside each other: the first one may wait for all. */
const TEST_MS = 90 * 60_000
const LOG_DIR = join(DEMO_DIR, 'faults')
/** Releases that are worked on at the same time: enough to fill the waiting, few enough for two cores. */
const AT_ONCE = 3

type Ending = { violations: string[] } | { error: unknown }
const endings = new Map<string, Promise<Ending>>()
/** For those that must be judged beside nobody else. */
const oneByOne = new Pool(1)

let environment: Environment
const stopped = new AbortController()

beforeAll(async () => {
  rmSync(LOG_DIR, { recursive: true, force: true })
  environment = await openEnvironment({
    ...{ name: 'faults', range: '10.234.0.0/16', logDir: LOG_DIR, report: () => undefined },
    // Moves of one distribution need not keep the distance that the limits of AWS ask for; these edges follow a key
    // within two seconds.
    operator: { CLOUDFRONT_UPDATE_SPACING_SECONDS: '1', CLOUDFRONT_STORE_PROPAGATION_SECONDS: '3' },
    signal: stopped.signal,
  })
  startAll(adminOf(environment))
}, SETUP_MS)

afterAll(async () => {
  await environment.close()
}, SETUP_MS)

/**
 * Those of one distribution or key as there is room for them, and beside them what lasts for minutes; then those of all
 * edges together; then, one at a time, those that the machine was too busy to judge beside others; then, when nothing
 * else is left, those of the operator.
 */
function startAll(admin: Admin): void {
  const pool = new Pool(AT_ONCE)
  const start = (scenario: Scenario): Promise<Started> => begin(environment, admin, scenario)
  const long = startWave(() => ({ scenarios: LONG, meetings: [] }), {
    pool,
    start,
    before: Promise.resolve(),
  })
  const alone = Object.entries(chosen({ ...ALONE, ...BY_KEY })).map(([name, scenario]) => {
    const once = async (): Promise<string[]> => endingOf(scenario, await start(scenario))
    return { name, once, beside: pool.run(once) }
  })
  const edges = startWave((isWanted) => edgesWave(admin, environment.cloudFront.edges.length, isWanted), {
    ...{ pool, start },
    before: Promise.allSettled(alone.map(({ beside }) => beside)),
  })
  const others = Promise.allSettled([long, edges])
  const judged = alone.map(({ name, once, beside }) =>
    judge(name, beside, () => others.then(() => oneByOne.run(() => untilJudged(once)))),
  )
  const before = Promise.all([long, edges, ...judged])
  void startWave((isWanted) => crashWave(environment, admin, isWanted), { pool, start, before })
}

/** What was played beside others and could not be judged there is played `alone`. */
function judge(name: string, beside: Promise<string[]>, alone: () => Promise<string[]>): Promise<Ending> {
  const ending = told(
    beside.catch((error: unknown) => {
      if (error instanceof MachineBusyError) return alone()
      throw error
    }),
  )
  endings.set(name, ending)
  return ending
}

/** FAULTS_ONLY=F6,F17 plays these rows alone. */
function isPlayed(name: string): boolean {
  const { FAULTS_ONLY } = process.env
  return !FAULTS_ONLY || FAULTS_ONLY.split(',').some((one) => name === one || name.startsWith(`${one} `))
}

function chosen(scenarios: Readonly<Record<string, Scenario>>): Record<string, Scenario> {
  return Object.fromEntries(Object.entries(scenarios).filter(([name]) => isPlayed(name)))
}

type Start = { pool: Pool; start: (scenario: Scenario) => Promise<Started>; before: Promise<unknown> }
type MakeWave = (isWanted: (name: string) => boolean) => Wave

/** Together; then, one at a time, those that the machine was too busy to judge. Resolves when all are over. */
async function startWave(make: MakeWave, options: Start): Promise<void> {
  const wave = make(isPlayed)
  const together = Object.entries(chosen(wave.scenarios)).map(([name, scenario]) => ({
    name,
    ending: playMet(scenario, wave, options),
  }))
  const all = Promise.allSettled(together.map(({ ending }) => ending))
  await Promise.all(
    together.map(({ name, ending }) => {
      const again = (): Promise<string[]> => untilJudged(() => playAlone(make, name, options))
      return judge(name, ending, () => all.then(() => oneByOne.run(again)))
    }),
  )
}

/** Nobody else is waited for. */
function playAlone(make: MakeWave, name: string, options: Start): Promise<string[]> {
  const wave = make((one) => one === name)
  const scenario = wave.scenarios[name]
  if (!scenario) throw new Error(`nobody plays ${name}`)
  return playMet(scenario, wave, options)
}

/** The release is made live as there is room; the fault strikes all of the wave when what comes before is over. */
async function playMet(
  scenario: Scenario,
  { meetings }: Wave,
  { pool, start, before }: Start,
): Promise<string[]> {
  const started = pool.run(() => start(scenario))
  // It is asked for much later; until then nobody would be told.
  started.catch(() => undefined)
  try {
    await before
    return await endingOf(scenario, await started)
  } catch (error) {
    for (const meeting of meetings) meeting.cancel(error)
    throw error
  }
}

/** @throws MachineBusyError where nothing wrong was seen, and not enough. */
async function endingOf({ scenario }: Scenario, started: Started): Promise<string[]> {
  const observed = await started.strike(scenario)
  const violations = violationsOf(observed)
  if (violations.length === 0) refuseTooBusy(observed.viewers)
  return violations
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
