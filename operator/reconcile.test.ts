/** What one reconcile makes of steps that fail, are refused, or are undone by somebody else. */
import { describe, expect, test } from '@jest/globals'
import type { Spec, Status } from './api/release.ts'
import type { Action } from './planner/model/observation.ts'
import { TransientError } from './ports/errors.ts'
import { ActionFailures, type ReconcileReport, type ReconcileResult } from './reconcile.ts'
import { passOver } from './test/simulation/pass-over.ts'
import { housing, SimulatedWorld } from './test/fakes/simulated-world.ts'

/** A simulated world with its operator, one reconcile at a time. */
class Running {
  readonly observation: SimulatedWorld
  /** Steps that were tried in the last reconcile. */
  tried: Action['type'][] = []
  report: ReconcileReport | undefined
  readonly #failures = new ActionFailures()

  constructor(spec: Spec) {
    this.observation = new SimulatedWorld({ spec })
  }

  get status(): Status {
    return this.observation.status ?? {}
  }

  /** Reasons of the conditions that hold. */
  get reasons(): string[] {
    return (this.status.conditions ?? [])
      .filter(({ status }) => status === 'True')
      .map(({ reason }) => reason)
  }

  pass(): Promise<ReconcileResult> {
    const { observation } = this
    this.tried = []
    return passOver(observation, {
      seenBefore: () => true,
      failures: this.#failures,
      report: (_release, report) => {
        this.report = report
      },
      acting: (_release, step) => this.tried.push(step.type),
    })
  }

  /** Passes, each when the one before asks for it, or a second later. */
  async passes(until: (running: Running) => boolean): Promise<void> {
    for (let count = 0; count < 400; count += 1) {
      if (until(this)) return
      const result = await this.pass()
      this.observation.advanceTo(
        this.observation.now +
          ('requeueAfterMs' in result ? Math.min(1000, result.requeueAfterMs) : 1000) +
          1,
      )
    }
    throw new Error(`never: ${JSON.stringify(this.status)}`)
  }
}

const isPromoted =
  (times: number) =>
  ({ status }: Running): boolean =>
    status.attempt?.outcome === 'Promoted' && status.history?.length === times

/** Without a budget, whose steps come between those that are looked at here. */
function bare(version: 1 | 2 | 3, changes: Parameters<typeof housing>[1] = {}): ReturnType<typeof housing> {
  return housing(version, { disruptionBudget: 'None', ...changes })
}

/** Version 2 is live, version 1 is warm. */
async function promotedTwice(): Promise<Running> {
  const running = new Running(bare(1))
  await running.passes(isPromoted(1))
  running.observation.apply(bare(2))
  await running.passes(isPromoted(2))
  return running
}

describe('a webhook that hangs', () => {
  /** Both colors are to grow, and each try takes so long. */
  async function hanging(ms: number): Promise<Running> {
    const running = await promotedTwice()
    const { observation } = running
    observation.scaleWorkload = () => {
      observation.advanceTo(observation.now + ms)
      return Promise.reject(new TransientError('failed calling webhook "policy.example.com"'))
    }
    observation.apply(bare(2, { replicas: 4 }))
    return running
  }

  test.each([100, 5000, 40_000])(
    'for %i ms is tried once in a pass for each rule, and an undo is looked at',
    async (ms) => {
      const running = await hanging(ms)
      running.observation.command('undo', '1')
      const before = running.observation.now
      await running.pass()
      expect(running.tried.filter((step) => step === 'ScaleWorkload')).toHaveLength(2)
      expect(running.observation.now - before).toBe(2 * ms)
      await running.passes(({ status }) => status.attempt?.direction === 'Back')
      await running.passes(({ status }) => status.liveColor === 'green')
    },
  )

  test('is tried again in its time, counted from when it failed', async () => {
    const running = await hanging(100)
    await running.pass()
    expect(await running.pass()).toEqual({ requeueAfterMs: 150 })
    expect(running.tried).toEqual([])
    running.observation.advanceTo(running.observation.now + 150)
    // The other one has become due while this one was tried.
    expect(await running.pass()).toEqual({ requeueAfterMs: 0 })
    expect(running.tried).toEqual(['ScaleWorkload'])
  })
})

describe('a step that fails for ever', () => {
  function failing(): Promise<never> {
    return Promise.reject(new TransientError('failed calling webhook "policy.example.com"'))
  }

  /** Version 3 with half a minute to become ready; the warm color is free to be taken. */
  async function thirdSpec(running: Running, changes: Parameters<typeof housing>[1] = {}): Promise<void> {
    running.observation.advanceTo(running.observation.now + 60_000)
    running.observation.apply(bare(3, { progressDeadlineSeconds: 60, ...changes }))
    await running.passes(
      ({ status }) => status.attempt?.outcome !== undefined && status.observedGeneration === 3,
    )
  }

  test('and takes nothing from anybody does not keep the next spec from the warm color', async () => {
    const running = await promotedTwice()
    running.observation.mendWorkload = failing
    running.observation.editLabels('blue')
    await thirdSpec(running)
    expect(running.status.attempt).toMatchObject({ outcome: 'Promoted' })
    expect(running.reasons).toContain('StepFailing')
  })

  test('and is about the warm color itself does not keep it', async () => {
    const running = await promotedTwice()
    const { observation } = running
    const apply = observation.applyColorService.bind(observation)
    observation.applyColorService = (release, step) =>
      step.color === 'green' &&
      observation.deployments.green?.stored.revision !== running.status.attempt?.revision
        ? failing()
        : apply(release, step)
    observation.editService('green')
    await thirdSpec(running)
    expect(running.status.attempt).toMatchObject({ outcome: 'Promoted' })
  })

  test('and keeps what is live from its size keeps the warm color, and ends the attempt at its deadline', async () => {
    const running = await promotedTwice()
    running.observation.scaleWorkload = failing
    await thirdSpec(running, { replicas: 4 })
    expect(running.status).toMatchObject({
      attempt: { outcome: 'Failed', reason: 'ProgressDeadlineExceeded' },
      liveColor: 'blue',
    })
    expect(running.observation.describe('green')).toContain('version 1')
  })
})

describe('a step that somebody else undoes at once', () => {
  /** A policy undoes what is done to the Service of a color; how often it was done, and when. */
  async function policed(color: 'blue' | 'green'): Promise<{ running: Running; times: number[] }> {
    const running = await promotedTwice()
    const { observation } = running
    const times: number[] = []
    const apply = observation.applyColorService.bind(observation)
    observation.applyColorService = (release, step) => {
      if (step.color === color) times.push(observation.now)
      return apply(release, step)
    }
    observation.policedService = color
    observation.editService(color)
    return { running, times }
  }

  test('is done again more and more rarely, and told with the way out', async () => {
    const { running, times } = await policed('blue')
    const until = running.observation.now + 120_000
    await running.passes(({ observation }) => observation.now > until)
    const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0))
    expect(pauses.length).toBeLessThan(13)
    expect(pauses[0]).toBeGreaterThanOrEqual(250)
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(30_000)
    const warned = running.status.conditions?.find(({ type }) => type === 'Warned')
    expect(warned).toMatchObject({
      reason: 'StepFailing',
      message: expect.stringContaining('spec.selector is app=x'),
    })
    expect(warned?.message).toContain('admission policy')
  })

  test('keeps nobody from an undo, nor the next spec from the warm color', async () => {
    const { running } = await policed('green')
    const { observation } = running
    observation.advanceTo(observation.now + 60_000)
    observation.apply(bare(3))
    await running.passes(
      ({ status }) =>
        status.attempt?.revision !== undefined && status.colors?.green?.revision === status.attempt.revision,
    )
    observation.policedService = undefined
    await running.passes(isPromoted(3))
    expect(running.reasons).not.toContain('StepFailing')
  })

  test('is forgotten as soon as it holds: done once more later, it is done at once', async () => {
    const { running, times } = await policed('blue')
    await running.passes(({ reasons }) => reasons.includes('StepFailing'))
    running.observation.policedService = undefined
    await running.passes(({ reasons }) => !reasons.includes('StepFailing'))
    running.observation.editService('blue')
    const before = times.length
    await running.pass()
    expect(times).toHaveLength(before + 1)
  })

  test('is not taken for undone where another number is wanted each time', async () => {
    const running = await promotedTwice()
    for (const replicas of [3, 4, 5, 6]) {
      running.observation.apply(bare(2, { replicas }))
      await running.pass()
      expect(running.tried).toContain('ScaleWorkload')
    }
  })
})

describe('what keeps something serving and is refused', () => {
  test('is told in every pass, whatever else goes on meanwhile', async () => {
    const running = await promotedTwice()
    const { observation } = running
    observation.scaleRefused = 'Yes'
    observation.gatesSilent = 'green'
    observation.advanceTo(observation.now + 60_000)
    observation.apply(bare(3, { replicas: 4 }))
    await running.passes(({ reasons }) => reasons.includes('AccessDenied'))
    const other = new Set<string>()
    for (let count = 0; count < 60; count += 1) {
      const result = await running.pass()
      expect(running.reasons).toContain('AccessDenied')
      for (const step of running.tried.slice(1)) other.add(step)
      observation.advanceTo(
        observation.now + ('requeueAfterMs' in result ? Math.min(1000, result.requeueAfterMs) : 1000) + 1,
      )
    }
    expect([...other]).toEqual(expect.arrayContaining(['CreateWorkload', 'RunGates']))
    // And no more than that is lost: the gates answer, and the version is promoted.
    observation.gatesSilent = undefined
    await running.passes(isPromoted(3))
    observation.scaleRefused = 'No'
    await running.passes(({ reasons }) => !reasons.includes('AccessDenied'))
  })
})

describe('a status that was written', () => {
  test('is told with the version of the release since, so that its change is known again', async () => {
    const running = new Running(bare(1))
    await running.pass()
    const { metadata } = await running.observation.release()
    expect(running.report?.written).toBe(metadata.resourceVersion)
  })

  test('is told by no pass that writes none', async () => {
    const running = await promotedTwice()
    await running.pass()
    await running.pass()
    expect(running.report?.written).toBeUndefined()
  })
})
