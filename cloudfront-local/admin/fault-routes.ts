/** The audit log and the faults. */
import { FAULT_SUBJECTS, parseFault } from '../calls/faults.ts'
import { AdminError, ok } from './admin-request.ts'
import type { AuditEntry, AuditLog } from '../audit-log.ts'
import type { AdminAnswer, AdminRequest, AdminRoute } from './admin-request.ts'

const MAX_WAIT_SECONDS = 60
const CLEARED_BY: readonly string[] = ['operation', ...FAULT_SUBJECTS]

export const faultAdminRoutes: readonly AdminRoute[] = [
  { method: 'GET', path: /^\/audit$/, handle: getAudit },
  { method: 'GET', path: /^\/faults$/, handle: ({ world }) => ok(world.faults.list()) },
  { method: 'POST', path: /^\/faults$/, handle: postFault },
  { method: 'DELETE', path: /^\/faults$/, handle: deleteFaults },
]

/** `?after=SEQUENCE` gives what came later; with `&waitSeconds=N` it waits for the first such entry. */
async function getAudit({ world: { audit }, query }: AdminRequest): Promise<AdminAnswer> {
  const after = numberOf(query, 'after')
  const waitSeconds = Math.min(numberOf(query, 'waitSeconds'), MAX_WAIT_SECONDS)
  if (audit.entries(after).length === 0 && waitSeconds > 0) await nextEntry(audit, after, waitSeconds)
  const tail = numberOf(query, 'tail')
  const entries: AuditEntry[] = audit.entries(after)
  return ok(tail > 0 ? entries.slice(-tail) : entries)
}

async function nextEntry(audit: AuditLog, after: number, waitSeconds: number): Promise<void> {
  try {
    await audit.waitFor(() => true, after, AbortSignal.timeout(waitSeconds * 1000))
  } catch (error) {
    if ((error as Error).name !== 'TimeoutError') throw error
  }
}

function numberOf(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? '0')
  if (!Number.isInteger(value) || value < 0) throw new AdminError(400, `${name}: expected a whole number`)
  return value
}

function postFault({ world, body }: AdminRequest): AdminAnswer {
  const fault = parseFault(body)
  if (Array.isArray(fault)) throw new AdminError(400, fault.join('; '))
  world.faults.add(fault)
  return { status: 201, body: fault }
}

/** `?operation=…&distribution=…` forgets those that name these; without a query, all. */
function deleteFaults({ world, query }: AdminRequest): AdminAnswer {
  const unknown = [...query.keys()].filter((name) => !CLEARED_BY.includes(name))
  if (unknown.length > 0) throw new AdminError(400, `unknown parameter: ${unknown.join(', ')}`)
  world.faults.clear(Object.fromEntries(query))
  return { status: 204 }
}
