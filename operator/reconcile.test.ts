/** What one pass makes of steps that fail, are refused, or are undone by somebody else. */
import { describe, expect, test } from '@jest/globals'
import type { Spec, Status } from './api/release.ts'
import type { Step } from './core/world.ts'
import { TransientError } from './edges/errors.ts'
import { createProber } from './edges/prober.ts'
import { reconcile, StepFailures, type PassReport, type PassResult } from './reconcile.ts'
import { housing, SimulatedWorld } from './test/simulated-world.ts'

/** A simulated world with its operator, one pass at a time. */
class Running {
  readonly world: SimulatedWorld
  /** Steps that were tried in the last pass. */
  tried: Step['type'][] = []
  report: PassReport | undefined
  readonly #failures = new StepFailures()

  constructor(spec: Spec) {
    this.world = new SimulatedWorld({ spec })
  }

  get status(): Status {
    return this.world.status ?? {}
  }

  /** Reasons of the conditions that hold. */
  get reasons(): string[] {
    return (this.status.conditions ?? [])
      .filter(({ status }) => status === 'True')
      .map(({ reason }) => reason)
  }

  pass(): Promise<PassResult> {
    const { world } = this
    this.tried = []
    return reconcile(
      { namespace: 'models', name: 'housing' },
      {
        worlds: {
          cluster: world,
          pointerOf: () => world.pointerPort,
          claims: world.claimsPort,
          prober: createProber(world.ask),
        },
        defaults: { serverImage: 'model-server:1' },
        now: () => world.now,
        seenBefore: () => true,
        failures: this.#failures,
        report: (_release, report) => {
          this.report = report
        },
        acting: (_release, step) => this.tried.push(step.type),
      },
    )
  }

  /** Passes, each when the one before asks for it, or a second later. */
  async passes(until: (running: Running) => boolean): Promise<void> {
    for (let count = 0; count < 400; count += 1) {
      if (until(this)) return
      const result = await this.pass()
      this.world.advanceTo(
        this.world.now + ('recheckMs' in result ? Math.min(1000, result.recheckMs) : 1000) + 1,
      )
    }
    throw new Error(`never: ${JSON.stringify(this.status)}`)
  }
}

const isPromoted =
  (times: number) =>
  ({ status }: Running): boolean =>
    status.attempt?.outcome === 'Promoted' && status.history?.length === times

/** Version 2 is live, version 1 is warm. */
async function promotedTwice(): Promise<Running> {
  const running = new Running(housing(1))
  await running.passes(isPromoted(1))
  running.world.apply(housing(2))
  await running.passes(isPromoted(2))
  return running
}

describe('a webhook that hangs', () => {
  /** Both colors are to grow, and each try takes so long. */
  async function hanging(ms: number): Promise<Running> {
    const running = await promotedTwice()
    const { world } = running
    world.scaleWorkload = () => {
      world.advanceTo(world.now + ms)
      return Promise.reject(new TransientError('failed calling webhook "policy.example.com"'))
    }
    world.apply(housing(2, { replicas: 4 }))
    return running
  }

  test.each([100, 5000, 40_000])(
    'for %i ms is tried once in a pass for each rule, and an undo is looked at',
    async (ms) => {
      const running = await hanging(ms)
      running.world.command('undo', '1')
      const before = running.world.now
      await running.pass()
      expect(running.tried.filter((step) => step === 'ScaleWorkload')).toHaveLength(2)
      expect(running.world.now - before).toBe(2 * ms)
      await running.passes(({ status }) => status.attempt?.direction === 'Back')
      await running.passes(({ status }) => status.liveColor === 'green')
    },
  )

  test('is tried again in its time, counted from when it failed', async () => {
    const running = await hanging(100)
    await running.pass()
    expect(await running.pass()).toEqual({ recheckMs: 150 })
    expect(running.tried).toEqual([])
    running.world.advanceTo(running.world.now + 150)
    // The other one has become due while this one was tried.
    expect(await running.pass()).toEqual({ recheckMs: 0 })
    expect(running.tried).toEqual(['ScaleWorkload'])
  })
})

describe('a step that fails for ever', () => {
  function failing(): Promise<never> {
    return Promise.reject(new TransientError('failed calling webhook "policy.example.com"'))
  }

  /** Version 3 with half a minute to become ready; the warm color is free to be taken. */
  async function thirdSpec(running: Running, changes: Parameters<typeof housing>[1] = {}): Promise<void> {
    running.world.advanceTo(running.world.now + 60_000)
    running.world.apply(housing(3, { progressDeadlineSeconds: 60, ...changes }))
    await running.passes(
      ({ status }) => status.attempt?.outcome !== undefined && status.observedGeneration === 3,
    )
  }

  test('and takes nothing from anybody does not keep the next spec from the warm color', async () => {
    const running = await promotedTwice()
    running.world.mendWorkload = failing
    running.world.editLabels('blue')
    await thirdSpec(running)
    expect(running.status.attempt).toMatchObject({ outcome: 'Promoted' })
    expect(running.reasons).toContain('StepFailing')
  })

  test('and is about the warm color itself does not keep it', async () => {
    const running = await promotedTwice()
    const { world } = running
    const apply = world.applyColorService.bind(world)
    world.applyColorService = (release, step) =>
      step.color === 'green' && world.deployments.green?.stored.revision !== running.status.attempt?.revision
        ? failing()
        : apply(release, step)
    world.editService('green')
    await thirdSpec(running)
    expect(running.status.attempt).toMatchObject({ outcome: 'Promoted' })
  })

  test('and keeps what is live from its size keeps the warm color, and ends the attempt at its deadline', async () => {
    const running = await promotedTwice()
    running.world.scaleWorkload = failing
    await thirdSpec(running, { replicas: 4 })
    expect(running.status).toMatchObject({
      attempt: { outcome: 'Failed', reason: 'ProgressDeadlineExceeded' },
      liveColor: 'blue',
    })
    expect(running.world.describe('green')).toContain('version 1')
  })
})
