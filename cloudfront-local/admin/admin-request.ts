/** What the handlers of the admin API get and give. */
import type { CallEntry } from '../audit-log.ts'
import type { World } from '../world.ts'

export type AdminRequest = {
  world: World
  /** Decoded parts of the path that the route captured. */
  parts: string[]
  query: URLSearchParams
  body: unknown
}
export type AdminAnswer = { status: number; body?: unknown }
export type AdminRoute = {
  method: string
  path: RegExp
  handle: (request: AdminRequest) => AdminAnswer | Promise<AdminAnswer>
}

/** A request that the admin API cannot carry out; the message says what it expected. */
export class AdminError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export function ok(body: unknown): AdminAnswer {
  return { status: 200, body }
}

export function partOf({ parts: [first = ''] }: AdminRequest): string {
  return first
}

/** The body as an object; anything else has no members. */
export function membersOf({ body }: AdminRequest): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
}

/** Write down a change that was made through the admin API. */
export function record(
  { audit }: World,
  operation: string,
  entry: Omit<CallEntry, 'type' | 'via' | 'operation'>,
): void {
  audit.append({ type: 'Call', via: 'Admin', operation, ...entry })
}
