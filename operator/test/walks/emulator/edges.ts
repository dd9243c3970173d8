/** What users get, asked for real at every edge. */
import { Agent } from 'node:http'
import { IDENTITY_HEADER } from '../../../api/names.ts'
import { exchange } from './exchange.ts'
import { POD_HEADER } from './fleet.ts'

export const HOST = 'models.example.com'
/** One path for each behavior of the distribution. */
export const PATHS = { '*': '/predict', '/v2/*': '/v2/predict' } as const
export type Part = keyof typeof PATHS
export const PARTS = Object.keys(PATHS) as Part[]
/** Tells who asks, for those who may be answered otherwise than others. */
export const USER_HEADER = 'x-user-id'

/** What somebody asks for; without a name he is whoever has his address. */
export type Visit = { part: Part; user?: string }

/** What one user at one edge got for one path. */
export type UserAnswer = Visit & {
  edge: number
  status: number
  /** The pod that gave it; undefined for an answer that the edge made itself. */
  pod: string | undefined
  revision: string | undefined
}

/** Everybody asks at every edge, at the same time. */
export async function askEdges(
  edgeUrls: readonly string[],
  visits: readonly Visit[],
  agent: Agent,
): Promise<UserAnswer[]> {
  return Promise.all(
    edgeUrls.flatMap((url, index) =>
      visits.map((visit) => askEdge({ url, number: index + 1 }, visit, agent)),
    ),
  )
}

async function askEdge(
  edge: { url: string; number: number },
  visit: Visit,
  agent: Agent,
): Promise<UserAnswer> {
  const { part, user } = visit
  const { status, headers } = await exchange(edge.url, {
    path: PATHS[part],
    headers: { host: HOST, ...(user === undefined ? {} : { [USER_HEADER]: user }) },
    agent,
  })
  const text = (name: string): string | undefined => headers[name]?.toString()
  const pod = text(POD_HEADER)
  return { ...visit, edge: edge.number, status, pod, revision: text(IDENTITY_HEADER.revision) }
}
