import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import type { DecodePool } from '../decoding/decode-pool.ts'
import type { HandlerSlot } from '../handlers/handler-slot.ts'
import type { Repository } from '../models/repository.ts'
import type { Metrics } from '../operations/metrics.ts'
import type { RequestLogs } from '../operations/request-logs.ts'
import type { BodyBudget } from './body-budget.ts'
import type { Drain } from './drain.ts'
import type { FastLane } from './fast-lane.ts'

/** What the routes look at. */
export type ServerContext = RequestLogs & {
  config: Config
  repository: Repository
  drain: Drain
  metrics: Metrics
  /** Room for the bodies of all requests. */
  bodies: BodyBudget
  decoding: DecodePool
  /** Undefined where none is configured. */
  handler?: HandlerSlot | undefined
  log: Logger
  /** Undefined on the port for operations. */
  lane?: FastLane
  /** The version of this server, for `GET /v2`. */
  serverVersion: string
}
