/** The process: reads its configuration, stands by, leads, passes over releases, and exits when it may not lead. */
import { randomUUID } from 'node:crypto'
import { pino, stdSerializers, type Logger } from 'pino'
import { Registry } from 'prom-client'
import { LABEL, MANAGER } from './api/names.ts'
import type { ModelRelease, Traffic } from './api/release.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import type { Step } from './core/world.ts'
import { ask } from './edges/ask.ts'
import { Distributions } from './edges/cloudfront/distributions.ts'
import { createCloudFrontPointer } from './edges/cloudfront/pointer.ts'
import { createClaims } from './edges/cluster-claims.ts'
import { createCluster } from './edges/cluster.ts'
import type { Transport } from './edges/cluster-requests.ts'
import { DEPLOYMENTS, PODS, RELEASES, SERVICES } from './edges/cluster-resources.ts'
import { createServicePointer } from './edges/cluster-service-pointer.ts'
import { createKeyValueStorePointer } from './edges/key-value-store/pointer.ts'
import { releaseMetrics, type ReleaseMetrics } from './edges/metrics.ts'
import type { Pointer } from './edges/ports.ts'
import { createProber } from './edges/prober.ts'
import { reconcile, StepFailures, type PassReport, type Worlds } from './reconcile.ts'
import { systemClock } from './runtime/clock.ts'
import { leaseStore } from './runtime/lease-store.ts'
import { LeaderElector } from './runtime/lease.ts'
import type { ObjectMeta, Seen } from './runtime/list-watch.ts'
import { leaderMetric, queueMetrics } from './runtime/metrics.ts'
import { OperatorShell } from './runtime/operator.ts'
import { WorkQueue, type Outcome } from './runtime/queue.ts'
import { createProbeServer, type Check } from './runtime/server.ts'

const LEASE_NAME = 'modelrelease-operator'
/** A pass asks gates with timeouts of at most a minute each; one that lasts longer than this is wedged. */
const LONGEST_PASS_MS = 600_000

/** The release that a child object belongs to; undefined for what is not ours. */
function releaseOf({ namespace, labels }: ObjectMeta): string | undefined {
  const name = labels[LABEL.name]
  return name === undefined ? undefined : `${namespace ?? ''}/${name}`
}

class ModelReleaseOperator extends OperatorShell {
  readonly queue: WorkQueue
  readonly elector: LeaderElector
  readonly #config: Config
  readonly #log: Logger
  readonly #metrics: ReleaseMetrics
  /** Releases that this process has looked at, by key; the value tells a release that was made anew under the same name. */
  readonly #seen = new Map<string, string>()
  readonly #failures = new StepFailures()

  constructor(config: Config, log: Logger, registry: Registry) {
    super(log)
    this.#config = config
    this.#log = log
    this.#metrics = releaseMetrics(registry)
    this.elector = new LeaderElector({
      store: leaseStore(this.access, config.namespace, LEASE_NAME),
      identity: `${config.podName}_${randomUUID()}`,
      log,
      onLeading: () => {
        log.info('Leading')
        this.queue.start()
      },
      onLost: (reason) => {
        // Something in this process may still believe that it leads: nothing but the end of the process is safe.
        log.fatal({ reason }, 'Lost the lease')
        process.exit(1)
      },
    })
    const worlds = this.#worlds()
    this.queue = new WorkQueue({
      handle: (key) => this.#pass(key, worlds),
      workers: config.workers,
      metrics: queueMetrics(registry),
      onError: ({ key, error, attempt, retryInMs }) => {
        const level = attempt > 3 ? 'warn' : 'info'
        log[level]({ modelrelease: key, attempt, retryInMs, err: error }, 'Pass ended with an error')
      },
    })
    leaderMetric(registry, () => this.elector.isHeld())
  }

  protected override init(): Promise<void> {
    const labelSelector = `${LABEL.managedBy}=${MANAGER}`
    this.watch(RELEASES, (seen) => this.#lookAgain(seen, 'Release'))
    for (const resource of [DEPLOYMENTS, PODS, SERVICES])
      this.watch({ ...resource, labelSelector }, (seen) => this.#lookAgain(seen, 'Child'), releaseOf)
    this.elector.start()
    return Promise.resolve()
  }

  #lookAgain(seen: Seen, of: 'Release' | 'Child'): void {
    if (seen.type === 'Synced') return
    if (of === 'Release' && (seen.type === 'Deleted' || seen.type === 'Gone')) this.#forget(seen.key)
    this.queue.add(seen.key)
  }

  #forget(key: string): void {
    this.#seen.delete(key)
    const { namespace, name } = keyOf(key)
    this.#metrics.forget(namespace, name)
    this.#failures.forget({ namespace, name })
  }

  #worlds(): Worlds {
    const mayWrite = (): boolean => this.elector.isHeld()
    const transport = this.access.guarded(mayWrite)
    const pointers = this.#pointers(transport, () => {
      if (!mayWrite()) throw new Error('the lease is not held: nothing was written to CloudFront')
    })
    return {
      cluster: createCluster({ transport, log: this.#log, now: Date.now }),
      pointerOf: ({ spec }) => pointers[spec.traffic.type],
      claims: createClaims(transport, this.#config.namespace),
      prober: createProber(ask),
    }
  }

  #pointers(transport: Transport, mayWrite: () => void): Record<Traffic['type'], Pointer> {
    const {
      awsRegion: region,
      allowList,
      updateSpacingSeconds,
      storeEndpoint,
      storeSettleSeconds,
    } = this.#config
    const options = { region, allowList, spacingMs: updateSpacingSeconds * 1000, mayWrite }
    const store = { ...options, storeEndpoint, settleMs: storeSettleSeconds * 1000 }
    // A distribution has one reader and one writer, whatever its releases let decide where users go.
    const distributions = new Distributions(options, systemClock)
    return {
      Service: createServicePointer(transport),
      CloudFrontDistribution: createCloudFrontPointer(options, systemClock, distributions),
      CloudFrontKeyValueStore: createKeyValueStorePointer(store, systemClock, distributions),
    }
  }

  #pass(key: string, worlds: Worlds): Promise<Outcome> {
    return reconcile(keyOf(key), {
      worlds,
      defaults: { serverImage: this.#config.modelServerImage },
      now: Date.now,
      failures: this.#failures,
      seenBefore: ({ metadata }) => this.#seen.get(key) === metadata.uid,
      acting: ({ metadata }, step) => {
        // Told before, since a process that dies in the act tells nothing after it.
        this.#log.info(
          { modelrelease: `${metadata.namespace}/${metadata.name}`, ...describe(step) },
          'Acting',
        )
      },
      report: (release, report) => {
        this.#seen.set(key, release.metadata.uid)
        this.#report(release, report)
      },
    })
  }

  /** One line for a pass that did or decided something; what only looked is told at debug. */
  #report(release: ModelRelease, report: PassReport): void {
    this.#metrics.pass(release, report)
    const { rule, step, status, before } = report
    const changed = step !== undefined || status.phase !== before?.phase
    const line = {
      modelrelease: `${release.metadata.namespace}/${release.metadata.name}`,
      revision: status.attempt?.revision,
      color: status.liveColor,
      phase: status.phase,
      rule,
      step,
    }
    this.#log[changed ? 'info' : 'debug'](line, 'Reconciled')
    for (const { step: failed, error: err } of report.failed)
      this.#log.warn({ modelrelease: line.modelrelease, step: failed, err }, 'Step failed')
  }
}

/** What of a step says enough in a log line. */
function describe(step: Step): Record<string, unknown> {
  const color = 'color' in step ? step.color : 'to' in step ? step.to : undefined
  return { step: step.type, color, ...('token' in step ? { token: step.token } : {}) }
}

function keyOf(key: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}

function configOrExit(): Config {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}

function checksOf(operator: ModelReleaseOperator): { live: Check[]; ready: Check[] } {
  const wedged = (): string | undefined =>
    operator.queue.longestPassMs() > LONGEST_PASS_MS
      ? 'a pass has been running for more than ten minutes'
      : undefined
  return {
    live: [
      { name: 'lease', problem: () => operator.elector.problem() },
      { name: 'queue', problem: wedged },
    ],
    ready: [{ name: 'watch', problem: () => operator.watchProblem() }],
  }
}

async function main(): Promise<void> {
  const config = configOrExit()
  const log = pino({
    level: config.logLevel,
    base: { pod: config.podName },
    serializers: { err: stdSerializers.err },
  })
  const registry = new Registry()
  const operator = new ModelReleaseOperator(config, log, registry)
  const server = createProbeServer({ registry, ...checksOf(operator), role: () => operator.elector.role })
  server.listen(config.metricsPort)
  process.once('SIGTERM', () => {
    log.info('Stopping')
    // The passes that run end first, then the lease is given up, so that the successor never meets a write of ours.
    void operator.queue
      .shutDown()
      .then(() => operator.elector.stop())
      .finally(() => {
        operator.stop()
        server.close()
      })
  })
  await operator.start()
}

await main()
