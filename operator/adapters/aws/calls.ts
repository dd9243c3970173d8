/** What every call of an AWS service has in common here: made once, bounded in time, and a write only while it is allowed. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { oneLine } from '../../api/text.ts'
import { connectionText, NoAnswerError, peerOf, timeoutText, type PeerParts } from '../http/no-answer.ts'
import type { Foreign } from './called.ts'
import { isOutdatedIdentity } from './errors.ts'

export type AwsOptions = {
  /** Region that requests are signed for; CloudFront's own is us-east-1. */
  region: string
  /** Throws unless this process may still write; called when the write is signed and about to leave. */
  mayWrite: () => void
  /** How long one call may take, connection included. Default 5 s: a write that leaves at the end of the renew deadline (10 s) is over before the lease (15 s) passes to another. */
  requestTimeoutMs?: number
}

const CONNECT_MS = 3_000

/** What the SDK's clients are made with besides identity and endpoint. */
export const CLIENT_DEFAULTS = {
  // The reconciler looks again and decides anew; a retry inside the SDK could outlive the lease.
  maxAttempts: 1,
  // The whole call is bounded by an abort signal, which the SDK's own requestTimeout is not: it ends with the headers.
  requestHandler: { connectionTimeout: CONNECT_MS },
} as const

/** What all commands and clients have in common; the SDK's own types of it differ by command. */
export type Command = { middlewareStack: { add(middleware: never, options: never): void } }
type Place = { step: 'build' | 'deserialize'; priority: 'high' | 'low'; name: string }
type Next<Args, Result> = (args: Args) => Promise<Result>

const DEFAULT_REQUEST_TIMEOUT_MS = 5_000

/** The call that is being made, with the host and port that its last request went to. */
const calls = new AsyncLocalStorage<{ peer?: string }>()

export type Caller<Connection, Attempted> = <Result>(
  attempted: Attempted,
  act: (connection: Connection, signal: AbortSignal) => Promise<Result>,
) => Promise<Result>

/** Opens the connection with the first call, makes each call within its time, and has its errors understood. */
export function createCaller<Connection, Attempted>(of: {
  open: () => Promise<Connection>
  understood: (error: unknown, attempted: Attempted) => unknown
  requestTimeoutMs?: number | undefined
}): Caller<Connection, Attempted> {
  const { requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS } = of
  let connection: Promise<Connection> | undefined
  return async (attempted, act) => {
    try {
      const opened = await (connection ??= of.open())
      return await inTime(requestTimeoutMs, (signal) => act(opened, signal))
    } catch (error) {
      // Credentials that were taken away before their time are not asked for again by the SDK; a new client does.
      if (isOutdatedIdentity(error)) connection = undefined
      throw of.understood(error, attempted)
    }
  }
}

/** Throws NoAnswerError where no usable answer came, else what `act` throws. */
export async function inTime<Result>(
  timeoutMs: number,
  act: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const call: { peer?: string } = {}
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    // Finding credentials knows no signal; a write that comes late finds it aborted and never leaves.
    return await Promise.race([calls.run(call, () => act(signal)), aborted(signal)])
  } catch (error) {
    const text = noAnswerText(error, { ...call, timeoutMs, isOver: signal.aborted })
    throw text === undefined ? error : new NoAnswerError(text, { cause: error })
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}

type Circumstances = { peer?: string; timeoutMs: number; isOver: boolean }

/** Undefined where a service answered, or nothing was sent. */
function noAnswerText(error: unknown, { peer, timeoutMs, isOver }: Circumstances): string | undefined {
  const { name = '', $metadata } = (error ?? {}) as Foreign
  const status = $metadata?.httpStatusCode ?? 0
  if (status >= 400) return undefined
  if (isOver && ABORTS.has(name))
    return peer === undefined
      ? `no credentials of the operator were found within ${timeoutMs / 1000} s`
      : timeoutText(peer, timeoutMs)
  if (peer === undefined) return undefined
  if (status > 0) return unreadableText(error as Error, peer)
  return name === 'TimeoutError'
    ? `no connection to ${peer} within ${CONNECT_MS / 1000} s`
    : connectionText(error, peer)
}

const ABORTS = new Set(['AbortError', 'TimeoutError'])

function unreadableText({ name, message }: Error, peer: string): string {
  return `what ${peer} answers is not from AWS (${name}: ${oneLine(message)}): look for a proxy in between`
}

/** Has the call that is being made know where the requests of this client go. */
export function notePeers(client: Command): void {
  const place = { step: 'deserialize', priority: 'low', name: 'notePeer' } as const
  insert<{ request: PeerParts }, unknown>(client, place, (next) => (args) => {
    const call = calls.getStore()
    if (call) call.peer = peerOf(args.request)
    return next(args)
  })
}

export function insert<Args, Result>(
  { middlewareStack }: Command,
  place: Place,
  middleware: (next: Next<Args, Result>) => Next<Args, Result>,
): void {
  middlewareStack.add(middleware as never, place as never)
}

/**
 * Looks at the lease where nothing can come between any more: finding credentials may have taken a while. What is
 * returned turns the SDK's wrapping of that error back into the error itself.
 */
export function guardWrite(command: Command, mayWrite: () => void): (error: unknown) => never {
  let forbidden: { error: unknown } | undefined
  const place = { step: 'deserialize', priority: 'low', name: 'mayWrite' } as const
  insert(command, place, (next) => async (args) => {
    try {
      mayWrite()
    } catch (error) {
      forbidden = { error }
      throw error
    }
    return await next(args)
  })
  return (error) => {
    throw forbidden ? forbidden.error : error
  }
}
