/** What every call of an AWS service has in common here: made once, bounded in time, and a write only while it is allowed. */
import { isOutdatedIdentity } from './errors.ts'

export type AwsOptions = {
  /** Region that requests are signed for; CloudFront's own is us-east-1. */
  region: string
  /** Throws unless this process may still write; called when the write is signed and about to leave. */
  mayWrite: () => void
  /** How long one call may take, connection included. Default 5 s: a write that leaves at the end of the renew deadline (10 s) is over before the lease (15 s) passes to another. */
  requestTimeoutMs?: number
}

/** What the SDK's clients are made with besides identity and endpoint. */
export const CLIENT_DEFAULTS = {
  // The reconciler looks again and decides anew; a retry inside the SDK could outlive the lease.
  maxAttempts: 1,
  // The whole call is bounded by an abort signal, which the SDK's own requestTimeout is not: it ends with the headers.
  requestHandler: { connectionTimeout: 3_000 },
} as const

/** What all commands have in common; the SDK's own types of it differ by command. */
export type Command = { middlewareStack: { add(middleware: never, options: never): void } }
type Place = { step: 'build' | 'deserialize'; priority: 'high' | 'low'; name: string }
type Next<Args, Result> = (args: Args) => Promise<Result>

const DEFAULT_REQUEST_TIMEOUT_MS = 5_000

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
      return await act(await (connection ??= of.open()), AbortSignal.timeout(requestTimeoutMs))
    } catch (error) {
      // Credentials that were taken away before their time are not asked for again by the SDK; a new client does.
      if (isOutdatedIdentity(error)) connection = undefined
      throw of.understood(error, attempted)
    }
  }
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
