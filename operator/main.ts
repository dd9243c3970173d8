/** The process: its configuration, its servers, its signals. */
import { pino, stdSerializers, stdTimeFunctions } from 'pino'
import { Registry } from 'prom-client'
import { ConfigError, readConfig, type Config } from './config.ts'
import { createMetricsServer, createProbeServer } from './controller/health-server.ts'
import { checksOf, ModelReleaseOperator } from './operator.ts'

function configOrExit(): Config {
  try {
    return readConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}

async function main(): Promise<void> {
  const config = configOrExit()
  const log = pino({
    level: config.logLevel,
    base: { pod: config.podName },
    timestamp: stdTimeFunctions.isoTime,
    serializers: { err: stdSerializers.err },
  })
  const registry = new Registry()
  const operator = new ModelReleaseOperator(config, log, registry)
  const servers = [
    createProbeServer({ ...checksOf(operator), role: () => operator.elector.role }).listen(config.healthPort),
    createMetricsServer(registry).listen(config.metricsPort),
  ]
  process.once('SIGTERM', () => {
    log.info('Stopping')
    void operator.shutDown().finally(() => {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
      // What still waits for somebody may write no more and has nothing left to tell.
      setTimeout(() => process.exit(0), 1_000).unref()
    })
  })
  await operator.start()
}

await main()
