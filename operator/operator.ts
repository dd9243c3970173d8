/** The operator: everything that it is made of, put together. It stands by, leads, reconciles releases, and gives its lease back. */
import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { LABEL } from './api/names.ts'
import type { ModelRelease, Traffic } from './api/release.ts'
import type { Config } from './config.ts'
import { isUrgent } from './planner/model/urgency.ts'
import type { Action } from './planner/model/observation.ts'
import { createAsk } from './adapters/http/client.ts'
import { Distributions } from './adapters/aws/cloudfront/registry.ts'
import { createCloudFrontPointer } from './adapters/aws/cloudfront/pointer.ts'
import { createClaims } from './adapters/kubernetes/claims.ts'
import { createSecrets } from './adapters/kubernetes/secrets.ts'
import { createCluster } from './adapters/kubernetes/cluster.ts'
import type { Transport } from './adapters/kubernetes/requests.ts'
import { DEPLOYMENTS, PODS, RELEASES, SERVICES } from './adapters/kubernetes/resources.ts'
import { createServicePointer } from './adapters/kubernetes/service-pointer.ts'
import { Inquiries } from './adapters/http/background-probes.ts'
import { createKeyValueStorePointer } from './adapters/aws/key-value-store/pointer.ts'
import { Readiness } from './adapters/http/readiness.ts'
import { releaseMetrics, type ReleaseMetrics } from './metrics.ts'
import type { Claims, Pointer } from './ports/ports.ts'
import {
  reconcile,
  ActionFailures,
  type ReconcileReport,
  type ReconcileResult,
  type Ports,
} from './reconcile.ts'
import { sleep, systemClock, type Clock } from './controller/clock.ts'
import { leaseStore } from './controller/leader-lease.ts'
import { LeaderElector } from './controller/leader-election.ts'
import { leaderMetric, queueMetrics } from './controller/metrics.ts'
import { OperatorShell } from './controller/shell.ts'
import { WorkQueue, type Outcome } from './controller/work-queue.ts'
import type { Check } from './controller/health-server.ts'
import { releaseOf, WatchEvents } from './watch-events.ts'

const LEASE_NAME = 'modelrelease-operator'
/** All calls of a reconcile have limits of seconds, and gates are asked beside it; one that lasts longer than this is wedged. */
const LONGEST_PASS_MS = 600_000
/** Between the starts of two passes over one release: whoever edits it all the time is looked at ten times a second. */
const LEAST_PASS_MS = 100
/** How often claims that nobody has any more are removed. */
const SWEEP_MS = 600_000
/** How long passes have to end by themselves before they may write no more, and then to end what they are writing (5 s). */
const STOP_MS = { passes: 10_000, writes: 6_000 } as const

/** Where to watch: everywhere, or each of these namespaces. */
function placesOf(namespaces: readonly string[] | undefined): { namespace?: string }[] {
  return namespaces?.map((namespace) => ({ namespace })) ?? [{}]
}

export class ModelReleaseOperator extends OperatorShell {
  readonly queue: WorkQueue
  readonly elector: LeaderElector
  readonly #config: Config
  readonly #log: Logger
  readonly #metrics: ReleaseMetrics
  readonly #inquiries: Inquiries
  readonly #readiness: Readiness
  /** The time of the leader, for everything that is remembered or compared with what was. */
  readonly #clock: Clock = { ...systemClock, wallMs: () => this.elector.nowMs() }
  /** Releases that this process has looked at, by key; the value tells a release that was made anew under the same name. */
  readonly #seen = new Map<string, string>()
  readonly #failures = new ActionFailures()
  readonly #events: WatchEvents
  readonly #claims: Claims
  readonly #stopped = new AbortController()
  #mayWrite = true

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
        void this.#sweep()
      },
      onLost: (reason) => {
        // Something in this process may still believe that it leads: nothing but the end of the process is safe.
        log.fatal({ reason }, 'Lost the lease')
        process.exit(1)
      },
    })
    const ask = createAsk({ allowedRanges: config.probeAllowedRanges })
    const lookAgain = (key: string): void => this.queue.add(key)
    const secretsOf = createSecrets(this.access)
    this.#inquiries = new Inquiries({ ask, secretsOf, clock: systemClock, onAnswered: lookAgain })
    this.#readiness = new Readiness({ ask, clock: systemClock, onChanged: lookAgain })
    const ports = this.#worlds()
    this.#claims = ports.claims
    this.queue = new WorkQueue({
      handle: (key) => this.#pass(key, ports),
      workers: config.workers,
      tenantOf: (key) => keyOf(key).namespace,
      leastMs: LEAST_PASS_MS,
      metrics: queueMetrics(registry, () => this.queue),
      onError: ({ key, error, attempt, retryInMs }) => {
        const level = attempt > 3 ? 'warn' : 'info'
        log[level]({ modelrelease: key, attempt, retryInMs, err: error }, 'Pass ended with an error')
      },
    })
    this.#events = new WatchEvents(this.queue)
    leaderMetric(registry, LEASE_NAME, () => this.elector.isHeld())
  }

  /** For as long as this process leads. */
  async #sweep(): Promise<void> {
    for (;;) {
      await sleep(systemClock, SWEEP_MS, this.#stopped.signal)
      if (this.#stopped.signal.aborted) return
      try {
        await this.#claims.sweep?.()
      } catch (err) {
        this.#log.warn({ err }, 'Could not sweep the claims')
      }
    }
  }

  protected override init(): Promise<void> {
    // Whatever a policy makes of managed-by.
    const labelSelector = LABEL.name
    for (const place of placesOf(this.#config.watchNamespaces)) {
      this.watch({ ...RELEASES, ...place }, (seen) => this.#events.release(seen))
      for (const resource of [DEPLOYMENTS, PODS, SERVICES])
        this.watch({ ...resource, ...place, labelSelector }, (seen) => this.#events.child(seen), releaseOf)
    }
    this.elector.start()
    return Promise.resolve()
  }

  /**
   * Ends what is being asked and passed over, and gives the lease back, so that the successor never meets a write of ours
   * and need not wait for the end of the lease.
   */
  async shutDown(): Promise<void> {
    this.#inquiries.stop()
    this.#readiness.stop()
    this.#stopped.abort()
    const ended = this.queue.shutDown()
    await Promise.race([ended, sleep(systemClock, STOP_MS.passes)])
    this.#mayWrite = false
    await Promise.race([ended, sleep(systemClock, STOP_MS.writes)])
    await this.elector.stop()
    this.stop()
  }

  /** The release is gone. Told by a reconcile, so that none comes after it that would remember it again. */
  #forget(key: string): void {
    this.#seen.delete(key)
    this.#events.forget(key)
    this.#inquiries.giveUp(key)
    this.#readiness.forget(key)
    const { namespace, name } = keyOf(key)
    this.#metrics.forget(namespace, name)
    this.#failures.forget({ namespace, name })
  }

  #worlds(): Omit<Ports, 'prober'> {
    const mayWrite = (): boolean => this.#mayWrite && this.elector.isHeld()
    const transport = this.access.guarded(mayWrite)
    const pointers = this.#pointers(transport, () => {
      if (!mayWrite()) throw new Error('the lease is not held: nothing was written to CloudFront')
    })
    return {
      cluster: createCluster({ transport, log: this.#log, now: () => this.#clock.wallMs() }),
      pointerOf: ({ spec }) => pointers[spec.traffic.type],
      claims: createClaims(transport, this.#config.namespace),
      selfReports: this.#readiness,
    }
  }

  #pointers(transport: Transport, mayWrite: () => void): Record<Traffic['type'], Pointer> {
    const {
      awsRegion: region,
      allowList,
      updateSpacingSeconds,
      storeEndpoint,
      storePropagationSeconds,
    } = this.#config
    const options = { region, allowList, spacingMs: updateSpacingSeconds * 1000, mayWrite }
    const store = { ...options, storeEndpoint, propagationMs: storePropagationSeconds * 1000 }
    // A distribution has one reader and one writer, whatever its releases let decide where users go.
    const distributions = new Distributions(options, this.#clock)
    return {
      Service: createServicePointer(transport),
      CloudFrontDistribution: createCloudFrontPointer(options, this.#clock, distributions),
      CloudFrontKeyValueStore: createKeyValueStorePointer(store, this.#clock, distributions),
    }
  }

  async #pass(key: string, ports: Omit<Ports, 'prober'>): Promise<Outcome> {
    let written: string | undefined
    this.#events.begun(key)
    try {
      const { told, outcome } = await this.#reconciled(key, ports)
      written = told?.written
      if (!told) this.#forget(key)
      return { ...outcome, urgency: told && isUrgent(told) ? 'Urgent' : 'Usual' }
    } finally {
      this.#events.ended(key, written)
    }
  }

  async #reconciled(
    key: string,
    ports: Omit<Ports, 'prober'>,
  ): Promise<{ told: ReconcileReport | undefined; outcome: ReconcileResult }> {
    const { namespace, name } = keyOf(key)
    const prober = this.#inquiries.of(key, namespace)
    let told: ReconcileReport | undefined
    const outcome = await reconcile(
      { namespace, name },
      {
        ports: { ...ports, prober },
        defaults: { serverImage: this.#config.modelServerImage },
        now: () => this.#clock.wallMs(),
        failures: this.#failures,
        seenBefore: ({ metadata }) => this.#seen.get(key) === metadata.uid,
        acting: ({ metadata }, action) => {
          // Told before, since a process that dies in the act tells nothing after it.
          this.#log.info(
            { modelrelease: `${metadata.namespace}/${metadata.name}`, ...describe(action) },
            'Acting',
          )
        },
        report: (release, report) => {
          told = report
          this.#seen.set(key, release.metadata.uid)
          this.#report(release, report)
        },
      },
    )
    prober.passed()
    return { told, outcome }
  }

  /** One line for a reconcile that did or decided something; what only looked is told at debug. */
  #report(release: ModelRelease, report: ReconcileReport): void {
    this.#metrics.pass(release, report)
    const { rule, action, status, before } = report
    const changed =
      action !== undefined || status.phase !== before?.phase || status.message !== before?.message
    const line = {
      modelrelease: `${release.metadata.namespace}/${release.metadata.name}`,
      revision: status.attempt?.revision,
      liveColor: status.liveColor,
      phase: status.phase,
      reason: reasonOf(status),
      message: status.message,
      rule,
      action,
    }
    this.#log[changed ? 'info' : 'debug'](line, 'Reconciled')
    for (const { action: failed, error: err } of report.failed)
      this.#log.warn({ modelrelease: line.modelrelease, action: failed, err }, 'Action failed')
  }
}

/** Of what holds the release up, or of how it ended. */
function reasonOf({ conditions = [] }: ReconcileReport['status']): string | undefined {
  const find = (type: string): string | undefined => conditions.find((one) => one.type === type)?.reason
  return find('Stalled') ?? find('Reconciling') ?? find('Ready')
}

/** What of an action says enough in a log line; `color` is the one that it touches. */
function describe(action: Action): Record<string, unknown> {
  const color = 'color' in action ? action.color : 'to' in action ? action.to : undefined
  return { action: action.type, color, ...('token' in action ? { token: action.token } : {}) }
}

function keyOf(key: string): { namespace: string; name: string } {
  const [namespace = '', name = ''] = key.split('/')
  return { namespace, name }
}

/** What must hold for the process to be left alone (live), and to be sent work (ready). */
export function checksOf(operator: ModelReleaseOperator): { live: Check[]; ready: Check[] } {
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
