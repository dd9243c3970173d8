/**
 * The thread that listens on the operations port; http/ops-server.ts starts it. Whatever keeps the event loop of the process busy,
 * a probe is answered from here, and a pod is not restarted for what its clients sent.
 */
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { HealthAnswer } from './health-routes.ts'
import type { OpsMessage, OpsStart } from './ops-server.ts'
import { PATHS, SilenceWatch } from './silence.ts'

/** Metrics and all else but probes wait for the process itself; whoever asks is not kept for ever. Loading a model may take longer. */
const GET_MS = 10_000
const MAX_CONNECTIONS = 256

if (!parentPort) throw new Error('http/ops-thread.ts is for a worker thread')
const messages = parentPort
const { port, behind } = workerData as OpsStart

const watch = new SilenceWatch(() => messages.postMessage({ type: 'Ask' } satisfies OpsMessage), {
  now: () => performance.now(),
  wait: (ms, signal) => wait(ms, undefined, { signal }),
})
messages.on('message', (answer: HealthAnswer) => watch.heard(answer))

const server = createServer((request, response) => {
  const path = request.url?.split('?', 1)[0] ?? ''
  if (!Object.hasOwn(PATHS, path) || (request.method !== 'GET' && request.method !== 'HEAD')) {
    forward(request, response)
    return
  }
  void watch[PATHS[path as keyof typeof PATHS]]().then((answer) => send(response, answer))
})
server.maxConnections = MAX_CONNECTIONS
// The first of its words: whoever started this thread cannot tell why it did not listen.
server.on('error', (error) => messages.postMessage({ type: 'Failed', error } satisfies OpsMessage))
server.listen(port, () => {
  messages.postMessage({ type: 'Listening', address: server.address() as AddressInfo } satisfies OpsMessage)
})

function send(response: ServerResponse, { status, body }: HealthAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

/** Let the process itself answer. */
function forward(request: IncomingMessage, response: ServerResponse): void {
  const { method, url: path, headers } = request
  const onward = httpRequest({ ...behind, method, path, headers, agent: false }, (answer) => {
    const others = { ...answer.headers }
    // Of the connection behind; the one to the client is another.
    delete others.connection
    delete others['keep-alive']
    response.writeHead(answer.statusCode ?? 500, others)
    answer.pipe(response)
  })
  if (method === 'GET') onward.setTimeout(GET_MS, () => onward.destroy(new Error('it does not answer')))
  onward.on('error', (error) => {
    if (response.headersSent) response.destroy()
    else
      send(response, {
        status: 503,
        body: { error: `the server is busy: ${error.message}`, code: 'not_ready' },
      })
  })
  response.once('close', () => onward.destroy())
  request.pipe(onward)
}
