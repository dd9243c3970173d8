/** The process: read the configuration, listen, load the model, and leave gently when asked to. */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import pino from 'pino'
import type { Logger } from 'pino'
import { buildApp } from './app.ts'
import { ConfigError, readConfig } from './config/config.ts'
import type { Config } from './config/config.ts'
import { describeConfig } from './config/describe-config.ts'
import { DecodePool } from './decoding/decode-pool.ts'
import { HandlerMetrics } from './handlers/handler-metrics.ts'
import { HandlerSlot } from './handlers/handler-slot.ts'
import { BodyBudget } from './http/body-budget.ts'
import { ACCEPT_QUEUE, createDataServer } from './http/data-server.ts'
import { Drain, closeGently } from './http/drain.ts'
import { readyAnswer } from './http/health-routes.ts'
import { startOpsServer } from './http/ops-server.ts'
import { Metrics } from './operations/metrics.ts'
import { openRequestLogs } from './operations/request-logs.ts'
import { modelBuilder } from './models/build-model.ts'
import { readQuestion } from './protocols/warm-up-question.ts'
import { Repository } from './models/repository.ts'
import { notReadyBecause } from './models/readiness.ts'
import { buildOpsApp } from './ops-app.ts'
import { openSources } from './sources/source.ts'

/** npm passes on the Ctrl-C that the terminal already sent to all of its processes: who presses twice takes longer. */
const SAME_SIGNAL_MS = 200

function serve(config: Config): void {
  const log = pino({ level: config.logLevel })
  const drain = new Drain()
  const metrics: Metrics = new Metrics(
    config.release,
    () => notReadyBecause(repository, drain.draining) === undefined,
  )
  const repository: Repository = new Repository(config.models, {
    fetchModel: openSources(config),
    buildModel: modelBuilder({ accepted: () => accepted(), readQuestion }),
    metrics,
    log,
  })
  const handler = config.handler && new HandlerSlot(config.handler, new HandlerMetrics(metrics), log)
  repository.gate = () => handler?.notReadyBecause
  const parts = {
    handler,
    config,
    repository,
    drain,
    metrics,
    bodies: new BodyBudget(config.maxBodiesBytes),
    decoding: new DecodePool(),
    ...openRequestLogs(config, metrics, log),
    log,
    serverVersion: serverVersion(),
  }
  const { server, sockets, accepted } = createDataServer(
    buildApp(parts),
    config.requestTimeoutMs,
    (connections) => log.warn({ connections }, 'Connections refused: there are too many'),
  )
  // Imported only where it is asked for: nobody else should pay for its packages, with a tenth of a second of the start.
  const grpc =
    config.grpcPort === undefined
      ? undefined
      : import('./protocols/grpc/server.ts').then(({ startGrpc }) => startGrpc(config.grpcPort ?? 0, parts))
  grpc?.then(
    ({ port }) => log.info({ port }, 'Listening for gRPC'),
    (err: unknown) => die(log, err as Error, `Cannot listen on GRPC_PORT ${String(config.grpcPort)}`),
  )

  const stopped = new AbortController()
  let leftAtMs = 0
  const leave = async (signal: NodeJS.Signals): Promise<void> => {
    if (drain.draining) {
      if (performance.now() - leftAtMs < SAME_SIGNAL_MS) return
      log.warn({ signal, inFlight: drain.inFlight }, 'Leaving at once: told so again')
      parts.payloadLog?.flush()
      process.exit(128 + constants.signals[signal])
    }
    leftAtMs = performance.now()
    // Only a load balancer needs time to notice: nobody sends to a pod that never was ready, nor stands behind Ctrl-C.
    const wasReady = notReadyBecause(repository, false) === undefined
    const delayMs = wasReady && signal === 'SIGTERM' ? config.drainDelayMs : 0
    drain.begin()
    stopped.abort()
    log.info({ signal, delayMs, inFlight: drain.inFlight }, 'Draining')
    const [cut] = await Promise.all([
      closeGently(server, sockets, { drain, delayMs }),
      grpc?.then((grpcServer) => grpcServer.close(delayMs)),
    ])
    if (cut > 0) log.warn({ cut }, 'Requests cut because they did not end in time')
    // Nobody waits for a model any more.
    await repository.close()
    parts.payloadLog?.flush()
    log.info('Drained')
    process.exit(0)
  }
  process.on('SIGTERM', (signal) => void leave(signal))
  process.on('SIGINT', (signal) => void leave(signal))
  server.on('error', (err) => die(log, err, `Cannot listen on PORT ${config.port}`))
  process.on('uncaughtException', (err) => die(log, err, 'Uncaught error'))

  // Listen before loading: a model that cannot be had is a reason not to be ready, told over HTTP, and none to crash-loop.
  log.info({ config: describeConfig(config) }, 'Starting')
  void startOpsServer(config.opsPort, buildOpsApp(parts), {
    health: () => readyAnswer(parts),
    failed: (err) => die(log, err, `Cannot listen on OPS_PORT ${config.opsPort}`),
  }).then((address) => log.info({ address }, 'Listening for operations'))
  server.listen({ port: config.port, backlog: ACCEPT_QUEUE }, () => {
    log.info({ address: server.address() }, 'Listening')
    void repository.load(stopped.signal)
    void handler?.load(repository, stopped.signal)
  })
}

function die(log: Logger, err: Error, message: string): never {
  log.fatal({ err }, message)
  process.exit(1)
}

function serverVersion(): string {
  const manifest = readFileSync(new URL('package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

try {
  serve(readConfig())
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exit(2)
}
