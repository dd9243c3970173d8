import type { Logger } from 'pino'
import { ConfigError } from '../config/config.ts'
import type { Config } from '../config/config.ts'
import { AccessLog } from './access-log.ts'
import { bufferedStdout, rotatingFile } from './line-sinks.ts'
import type { Metrics } from './metrics.ts'
import { PayloadLog } from './payload-log.ts'

/** What is written of requests. */
export type RequestLogs = { accessLog: AccessLog; payloadLog: PayloadLog | undefined }

/**
 * Open what the configuration asks for.
 * @throws ConfigError where a file cannot be opened
 */
export function openRequestLogs(
  { logging, release: { color } }: Config,
  metrics: Metrics,
  log: Logger,
): RequestLogs {
  const dropped = metrics.counter(
    'access_log_dropped_total',
    'Lines of the access log lost because their reader did not keep up.',
  )
  return {
    accessLog: new AccessLog(logging.access, { color, minLevel: log.levelVal }, bufferedStdout(dropped)),
    payloadLog: openPayloadLog(logging.payload, metrics, log),
  }
}

function openPayloadLog(
  config: Config['logging']['payload'],
  metrics: Metrics,
  log: Logger,
): PayloadLog | undefined {
  if (!config) return undefined
  const { path, maxFileBytes } = config
  const dropped = metrics.counter(
    'payload_log_dropped_total',
    'Requests of the sample that were not written because writing did not keep up.',
  )
  const failed = (err: Error): void => log.warn({ err, path }, 'Payload log cannot be written')
  try {
    const sink =
      path === undefined ? bufferedStdout(dropped) : rotatingFile(path, { maxFileBytes, dropped, failed })
    return new PayloadLog(config, { sink, dropped })
  } catch (cause) {
    throw new ConfigError(`invalid configuration:\n- PAYLOAD_LOG: ${(cause as Error).message}`, { cause })
  }
}
