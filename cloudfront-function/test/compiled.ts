/** Runs the source of a function with the runtime's two modules given by a test. */
import crypto from 'node:crypto'
import { compileFunction } from 'node:vm'

export type Headers = Record<string, { value: string }>
export type Request = { method: string; uri: string; querystring: object; headers: Headers; cookies: object }
export type Event = { viewer: { ip: string }; request: Request }

/** What the runtime gives: a store, and the origins that may be chosen. */
export type Edge = { get: (key: string) => Promise<string>; origins: readonly string[] }
export type Outcome = { request: Request; origin?: string; logs: string[] }

/** The function of this source at such an edge. */
export function compiled(source: string, { get, origins }: Edge): (event: Event) => Promise<Outcome> {
  let chosen: string[] = []
  let logs: string[] = []
  const cf = {
    kvs: () => ({ get }),
    selectRequestOriginById: (id: string) => {
      if (!origins.includes(id)) throw new Error(`no origin ${id}`)
      chosen.push(id)
    },
  }
  const body = `${source.replaceAll(/^import .*$/gm, '')}\nreturn handler`
  const make = compileFunction(body, ['cf', 'crypto', 'console']) as (...modules: unknown[]) => unknown
  const handler = make(cf, crypto, { log: (line: string) => logs.push(line) }) as (
    event: Event,
  ) => Promise<Request>
  return async (event) => {
    chosen = []
    logs = []
    const request = await handler(event)
    const origin = chosen.at(-1)
    return { request, logs, ...(origin === undefined ? {} : { origin }) }
  }
}
