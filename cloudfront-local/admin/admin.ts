/** The emulator's own API under /_admin: what AWS does not offer and a test needs. JSON both ways. */
import { ApiError } from '../calls/api-error.ts'
import { readBody } from '../http/read-body.ts'
import { decodeSegment, parseTarget } from '../http/request-target.ts'
import { SeedError } from '../seed.ts'
import { AdminError } from './admin-request.ts'
import { distributionAdminRoutes } from './distribution-routes.ts'
import { edgeAdminRoutes } from './edge-routes.ts'
import { faultAdminRoutes } from './fault-routes.ts'
import { storeAdminRoutes } from './store-routes.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { World } from '../world.ts'
import type { AdminAnswer } from './admin-request.ts'

/** Path under which the admin API lies on the port of the control plane. */
export const ADMIN_PREFIX = '/_admin'

const MAX_BODY_BYTES = 1024 * 1024
const ROUTES = [...faultAdminRoutes, ...edgeAdminRoutes, ...distributionAdminRoutes, ...storeAdminRoutes]

/** Answer one request under /_admin; it never rejects. */
export async function answerAdmin(
  world: World,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await perform(world, request)
  if (answer === undefined) return
  const text = answer.body === undefined ? '' : `${JSON.stringify(answer.body)}\n`
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

async function perform(world: World, request: IncomingMessage): Promise<AdminAnswer | undefined> {
  const target = parseTarget(request.url)
  const path = target.path.slice(ADMIN_PREFIX.length)
  const text = await readBody(request, MAX_BODY_BYTES)
  if (text === undefined) return undefined
  try {
    for (const route of ROUTES) {
      const match = request.method === route.method ? route.path.exec(path) : null
      if (match === null) continue
      const parts = match.slice(1).map(decodeSegment)
      return await route.handle({ world, parts, query: target.query, body: parseJson(text) })
    }
    const known = ROUTES.map(({ method, path: { source } }) => `${method} ${readable(source)}`)
    return { status: 404, body: { error: `no such thing; there are: ${known.join(', ')}` } }
  } catch (error) {
    return refusal(error)
  }
}

function readable(source: string): string {
  return `${ADMIN_PREFIX}${source.replaceAll(/[\\^$]/g, '').replaceAll('([/]+)', '…')}`
}

function refusal(error: unknown): AdminAnswer {
  if (error instanceof AdminError) return { status: error.status, body: { error: error.message } }
  if (error instanceof SeedError) return { status: 400, body: { error: error.message } }
  if (error instanceof ApiError) {
    return { status: error.status, body: { error: error.message, code: error.code } }
  }
  return { status: 500, body: { error: String(error) } }
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new AdminError(400, 'the body is not JSON')
  }
}
