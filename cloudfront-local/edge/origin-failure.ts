/** What an edge does when an origin gives no answer. */

/**
 * - NeverSent: the pooled connection was found closed before a byte of the request was written
 * - ConnectFailed: no connection (refused, unreachable, no such network)
 * - ConnectTimedOut: no connection within ConnectionTimeout
 * - ReadTimedOut: connected, the request sent, nothing within OriginReadTimeout
 * - Closed: the origin closed or reset the connection before the first byte of an answer
 */
export type OriginFailureKind = 'NeverSent' | 'ConnectFailed' | 'ConnectTimedOut' | 'ReadTimedOut' | 'Closed'

export type OriginFailure = {
  kind: OriginFailureKind
  method: string
  /** Pooled: the request went out on a connection that had served others and then lain idle. */
  connection: 'Pooled' | 'New'
  /** Attempts made so far, this one included. */
  attempts: number
  /** ConnectionAttempts of the origin: 1 to 3. */
  connectionAttempts: number
}

export type Verdict = { type: 'Retry'; connection: 'Any' | 'New' } | { type: 'Answer'; status: 502 | 504 }

const SAFE_TO_REPEAT = new Set(['GET', 'HEAD'])

/**
 * A connection that never came about carried no request, so any method may try again, ConnectionAttempts times. After
 * that only GET and HEAD may: the origin may have done the work of a POST whose answer was lost. CloudFront repeats
 * GET and HEAD after a read timeout, up to ConnectionAttempts. What it does with a pooled connection that the origin
 * closes at the same moment is not published; nginx (proxy_next_upstream) repeats such a request on another connection
 * unless it is a POST, and so do we, once.
 */
export function judgeFailure(failure: OriginFailure): Verdict {
  const { kind, method, connection, attempts, connectionAttempts } = failure
  const mayTryAgain = attempts < connectionAttempts
  switch (kind) {
    case 'NeverSent':
      return { type: 'Retry', connection: 'New' }
    case 'ConnectFailed':
      return mayTryAgain ? { type: 'Retry', connection: 'New' } : { type: 'Answer', status: 502 }
    case 'ConnectTimedOut':
      return mayTryAgain ? { type: 'Retry', connection: 'New' } : { type: 'Answer', status: 504 }
    case 'ReadTimedOut':
      return mayTryAgain && SAFE_TO_REPEAT.has(method)
        ? { type: 'Retry', connection: 'Any' }
        : { type: 'Answer', status: 504 }
    case 'Closed':
      return connection === 'Pooled' && SAFE_TO_REPEAT.has(method)
        ? { type: 'Retry', connection: 'New' }
        : { type: 'Answer', status: 502 }
  }
}
