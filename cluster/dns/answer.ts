/** What a cluster's DNS answers about names of Services, as packets; nothing is sent and nobody is asked here. */
import { AUTHORITATIVE_ANSWER, RECURSION_DESIRED, type DecodedPacket, type Packet } from 'dns-packet'

/** A Service by the two parts of its name. */
export interface ServiceName {
  readonly service: string
  readonly namespace: string
}

/** What the API server says of a name. */
export type Found =
  | { readonly type: 'Address'; readonly address: string }
  | { readonly type: 'None' }
  | { readonly type: 'Failed' }

/** Looks a Service up; never throws. */
export type FindService = (name: ServiceName) => Promise<Found>

/** As kubelet tells it to pods, which append it to the names that they look up. */
export const CLUSTER_DOMAIN = 'cluster.local'

/** Seconds for which an answer may be kept, the same as CoreDNS has for Services. */
const TTL_SECONDS = 5

/** RFC 1035, 4.1.1. */
const CODE = { noError: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4 } as const

const QUERY = 0

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const SERVICE_NAME = new RegExp(
  `^(${LABEL})\\.(${LABEL})\\.svc\\.${CLUSTER_DOMAIN.replaceAll('.', '\\.')}\\.?$`,
  'i',
)

/** The Service that a DNS name means; undefined where it is no Service's name. */
export function serviceOf(name: string): ServiceName | undefined {
  const [, service, namespace] = SERVICE_NAME.exec(name) ?? []
  if (service === undefined || namespace === undefined) return undefined
  return { service: service.toLowerCase(), namespace: namespace.toLowerCase() }
}

/**
 * The answer to a packet; undefined for one that asks nothing, which an answer to could make two servers talk for ever.
 * Every name but a Service's is unknown: the node has no way to anywhere else.
 */
export async function answerTo(query: DecodedPacket, find: FindService): Promise<Packet | undefined> {
  if (query.type !== 'query') return undefined
  const [question, ...more] = query.questions ?? []
  if (opcodeOf(query) !== QUERY) return reply(query, CODE.notImplemented)
  if (question === undefined || more.length > 0) return reply(query, CODE.formatError)
  const name = serviceOf(question.name)
  const found: Found = name === undefined ? { type: 'None' } : await find(name)
  switch (found.type) {
    case 'None':
      return reply(query, CODE.noSuchName)
    case 'Failed':
      return reply(query, CODE.serverFailure)
    case 'Address': {
      // The name exists, so another type of record is not there rather than unknown: resolvers ask for A and AAAA at once.
      const { address } = found
      const record = { type: 'A', name: question.name, ttl: TTL_SECONDS, data: address } as const
      return reply(query, CODE.noError, question.type === 'A' ? [record] : [])
    }
  }
}

/** What is asked for; an ordinary question is 0. */
function opcodeOf({ flags = 0 }: Packet): number {
  return (flags >> 11) & 0xf
}

function reply(
  query: DecodedPacket,
  code: (typeof CODE)[keyof typeof CODE],
  answers: Packet['answers'] = [],
): Packet {
  const asked = (query.flags ?? 0) & RECURSION_DESIRED
  return {
    ...(query.id === undefined ? {} : { id: query.id }),
    type: 'response',
    flags: AUTHORITATIVE_ANSWER | asked | code,
    questions: query.questions ?? [],
    answers,
  }
}
