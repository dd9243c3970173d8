/** The listener of the operations port: a thread that answers probes by itself, and lets the process answer all else. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import type { HealthAnswer } from './health-routes.ts'

/** What the thread is started with; `behind` is where the process answers. */
export type OpsStart = { port: number; behind: { host: string; port: number } }

/** What the thread says. An answer to `Ask` is a HealthAnswer. */
export type OpsMessage =
  { type: 'Ask' } | { type: 'Listening'; address: AddressInfo } | { type: 'Failed'; error: Error }

/** It parses no bodies and keeps nothing. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 }

/**
 * Listen until the process ends, so that a drain can be watched.
 * @param health asked whenever a probe wants to know
 * @param failed told why nobody listens there, or no longer
 */
export async function startOpsServer(
  port: number,
  app: RequestListener,
  { health, failed }: { health: () => HealthAnswer; failed: (error: Error) => void },
): Promise<AddressInfo> {
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const behind = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  const start: OpsStart = { port, behind }
  const thread = new Worker(new URL('./ops-thread.ts', import.meta.url), {
    workerData: start,
    resourceLimits: LIMITS,
  })
  thread.once('error', failed)
  thread.once('exit', () => failed(new Error('its thread ended')))
  return new Promise((resolve) => {
    thread.on('message', (message: OpsMessage) => {
      if (message.type === 'Ask') thread.postMessage(health())
      else if (message.type === 'Listening') resolve(message.address)
      else failed(message.error)
    })
  })
}
