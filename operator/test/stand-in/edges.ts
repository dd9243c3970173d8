/** What users get, asked for real at every edge. */
import { Agent } from 'node:http'
import { IDENTITY_HEADER } from '../../api/names.ts'
import { exchange } from './exchange.ts'
import { POD_HEADER } from './fleet.ts'

export const HOST = 'models.example.com'
/** One path for each behavior of the distribution. */
export const PATHS = { '*': '/predict', '/v2/*': '/v2/predict' } as const

/** What one user at one edge got for one path. */
export type UserAnswer = {
  edge: number
  path: string
  status: number
  /** The pod that gave it; undefined for an answer that the edge made itself. */
  pod: string | undefined
  revision: string | undefined
}

/** Asks every edge for every path at the same time. */
export async function askEdges(edgeUrls: readonly string[], agent: Agent): Promise<UserAnswer[]> {
  return Promise.all(
    edgeUrls.flatMap((url, edge) => Object.values(PATHS).map((path) => askEdge(url, edge + 1, path, agent))),
  )
}

async function askEdge(url: string, edge: number, path: string, agent: Agent): Promise<UserAnswer> {
  const { status, headers } = await exchange(url, { path, headers: { host: HOST }, agent })
  const text = (name: string): string | undefined => headers[name]?.toString()
  return { edge, path, status, pod: text(POD_HEADER), revision: text(IDENTITY_HEADER.revision) }
}
