/** One viewer request on its way to an origin and back: streams both ways, retries only where nothing can be done twice. */
import { request as httpRequest } from 'node:http'
import { judgeFailure } from './origin-failure.ts'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Origin } from '../control-plane/distribution-config.ts'
import type { OriginFailureKind } from './origin-failure.ts'
import type { OriginAgents } from './origin-pool.ts'

/** Everything is settled when the request arrives, so a later configuration cannot touch a request in flight. */
export type Exchange = {
  viewerRequest: IncomingMessage
  viewerResponse: ServerResponse
  origin: Origin
  address: { host: string; port: number }
  agents: OriginAgents
  path: string
  headers: readonly string[]
  hasBody: boolean
  /** Response headers for the viewer, made from those of the origin. */
  responseHeaders: (origin: readonly string[], status: number) => string[]
  /** Called when an answer begins, before its body flows. */
  onAnswer?: (answer: IncomingMessage) => void
  /** Called once when the origin gave no answer and no attempt is left; answers the viewer. */
  onFailure: (status: 502 | 504, kind: OriginFailureKind, cause: Error | undefined) => void
  onRetry: () => void
}

/** Forward the request; returns at once, the exchange lives on in its streams. */
export function forward(exchange: Exchange): void {
  const flight: Flight = { exchange, attempts: 0, phase: 'Connecting', current: undefined }
  exchange.viewerResponse.on('close', () => {
    // The viewer went away; nobody wants the answer any more.
    if (!exchange.viewerResponse.writableFinished) flight.current?.destroy()
  })
  attempt(flight, 'Any')
}

type Flight = {
  exchange: Exchange
  attempts: number
  phase: 'Connecting' | 'Waiting' | 'Answering'
  current: ClientRequest | undefined
}

function attempt(flight: Flight, connection: 'Any' | 'New'): void {
  const { viewerRequest, viewerResponse, origin, address, agents, path, headers, hasBody } = flight.exchange
  if (viewerResponse.destroyed) return
  flight.attempts += 1
  flight.phase = 'Connecting'
  let reason: OriginFailureKind | undefined
  let settled = false
  const request = httpRequest({
    host: address.host,
    port: address.port,
    method: viewerRequest.method,
    path,
    headers,
    agent: connection === 'Any' ? agents.pooled : agents.fresh,
    timeout: origin.readTimeoutMs,
  })
  flight.current = request

  const giveUp = (kind: OriginFailureKind): void => {
    reason = kind
    request.destroy()
  }
  const settle = (kind: OriginFailureKind, cause?: Error): void => {
    // After the first byte of an answer the answer's own end decides (relay).
    if (settled || flight.phase === 'Answering' || viewerResponse.destroyed) return
    settled = true
    fail(flight, request, kind, cause)
  }
  request.on('socket', (socket) => {
    const onSilence = (): void => {
      if (waitsForViewer(flight, request)) socket.setTimeout(origin.readTimeoutMs)
      else giveUp('ReadTimedOut')
    }
    // Not 'timeout' of the request, which comes once at most: silence that was forgiven may be followed by one that is not.
    socket.on('timeout', onSilence)
    request.once('close', () => socket.off('timeout', onSilence))
    if (!socket.connecting) {
      if (isOpen(socket)) {
        startBody(flight, request)
        return
      }
      // Nothing is written yet. A closed socket may have no event left to report it by, so it is settled here.
      request.destroy()
      settle('NeverSent')
      return
    }
    const timer = setTimeout(() => giveUp('ConnectTimedOut'), origin.connectTimeoutMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      startBody(flight, request)
    })
    request.once('close', () => clearTimeout(timer))
  })
  // A request without a body is complete now; one with a body waits for the connection, so that a failed connection
  // has not swallowed a part of what the viewer sends only once.
  if (!hasBody) request.end()

  request.on('response', (answer) => relay(flight, answer))
  // An answer that is no answer (101, for one) ends the connection without an error.
  request.on('close', () => settle(reason ?? 'Closed'))
  request.on('error', (error) => {
    settle(reason ?? (flight.phase === 'Connecting' ? 'ConnectFailed' : 'Closed'), error)
  })
}

/** The agent may hand out a connection whose end has been read but whose 'close' is still to come. */
function isOpen(socket: Socket): boolean {
  return !socket.destroyed && socket.writable && !socket.readableEnded
}

function startBody(flight: Flight, request: ClientRequest): void {
  flight.phase = 'Waiting'
  if (flight.exchange.hasBody) flight.exchange.viewerRequest.pipe(request)
}

/** Silence on the origin's connection is not the origin's fault while the viewer is slow to send or to read. */
function waitsForViewer({ phase, exchange }: Flight, request: ClientRequest): boolean {
  switch (phase) {
    case 'Connecting':
      return true
    case 'Waiting':
      return exchange.hasBody && !exchange.viewerRequest.complete && !request.writableNeedDrain
    case 'Answering':
      return exchange.viewerResponse.writableNeedDrain
  }
}

function relay(flight: Flight, answer: IncomingMessage): void {
  const { viewerResponse, responseHeaders, onAnswer } = flight.exchange
  const status = answer.statusCode ?? 0
  if (status < 200 || viewerResponse.destroyed) {
    flight.current?.destroy()
    return
  }
  flight.phase = 'Answering'
  viewerResponse.writeHead(status, answer.statusMessage, responseHeaders(answer.rawHeaders, status))
  // Streams of events must show their head before their first event; a sized body leaves in one packet with it.
  if (answer.headers['content-length'] === undefined) viewerResponse.flushHeaders()
  // A cut answer must look cut to the viewer, too.
  answer.on('error', () => viewerResponse.destroy())
  answer.on('close', () => finishUpload(flight))
  onAnswer?.(answer)
  answer.pipe(viewerResponse)
}

function fail(flight: Flight, request: ClientRequest, kind: OriginFailureKind, cause?: Error): void {
  const { exchange, attempts } = flight
  const verdict = judgeFailure({
    kind,
    method: exchange.viewerRequest.method ?? 'GET',
    connection: request.reusedSocket ? 'Pooled' : 'New',
    attempts,
    connectionAttempts: exchange.origin.connectionAttempts,
  })
  if (verdict.type === 'Retry') {
    exchange.onRetry()
    attempt(flight, verdict.connection)
    return
  }
  finishUpload(flight)
  exchange.onFailure(verdict.status, kind, cause)
}

/** The answer is there before the body was: read and forget the rest, or the viewer's connection would be stuck. */
function finishUpload({ exchange, current }: Flight): void {
  if (!exchange.hasBody || exchange.viewerRequest.complete) return
  if (current !== undefined) exchange.viewerRequest.unpipe(current)
  current?.destroy()
  exchange.viewerRequest.resume()
}
