/** What differs between the two things that decide where users go: a distribution, and a key that a function reads. */
import type { SeedContent } from '../../../../cloudfront-local/seed-content.ts'
import { functionSource } from '../../../../cloudfront-function/source.ts'
import { COLORS, type Color } from '../../../api/names.ts'
import type { Spec } from '../../../api/release.ts'
import { createCloudFrontPointer } from '../../../adapters/aws/cloudfront/pointer.ts'
import { createKeyValueStorePointer } from '../../../adapters/aws/key-value-store/pointer.ts'
import type { Pointer } from '../../../ports/ports.ts'
import type { Clock } from '../../../controller/clock.ts'
import { HOST, PARTS, type Visit } from './edges.ts'
import { AT_LAST, AT_LAST_BY_KEY, DISTRIBUTION, KEY, KEY_SPECS, SPECS } from './specs.ts'

export type Kind = Exclude<Spec['traffic']['type'], 'Service'>

export const STORE = 'models'
const FUNCTION = 'route'
/** How long every edge may take to follow a key. */
const PROPAGATION_MS = 60_000
/** Enough that each share of them is some of them. */
const USERS = ['ann', 'ben', 'cho', 'dan', 'eva', 'fay', 'gus', 'hal']

export type Site = {
  seed: SeedContent
  specs: Record<string, Spec>
  atLast: Spec
  /** Who asks at every edge for what. */
  visits: readonly Visit[]
  /** Calls that move a pointer, and others that the driver makes. */
  moves: readonly string[]
  operations: readonly string[]
  /** What edges may be late by without breaking what the driver relies on. */
  slowest: { holdSeconds: number; propagationSeconds: number }
  pointer: (endpoint: string, clock: Clock, mayWrite: () => void) => Pointer
}

export function originHost(color: Color): string {
  return `${color}.${HOST}`
}

const distribution = {
  id: DISTRIBUTION,
  aliases: [HOST],
  origins: COLORS.map((color) => ({ id: `housing-${color}`, domainName: originHost(color) })),
  behaviors: PARTS.map((pathPattern) => ({ pathPattern, targetOriginId: 'housing-blue' })),
}

/** What every driver is made with in a new process: no memory, its own client. */
function fresh(
  endpoint: string,
  mayWrite: () => void,
): Parameters<typeof createCloudFrontPointer>[0] & { client: { endpoint: string } } {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  return { region: 'us-east-1', mayWrite, client: { endpoint, credentials } }
}

export const SITES: Record<Kind, Site> = {
  CloudFrontDistribution: {
    seed: { distributions: [distribution] },
    specs: SPECS,
    atLast: AT_LAST,
    visits: PARTS.map((part) => ({ part })),
    moves: ['UpdateDistribution'],
    operations: ['GetDistribution', 'UpdateDistribution', 'CreateInvalidation'],
    slowest: { holdSeconds: 700, propagationSeconds: 400 },
    pointer: (endpoint, clock, mayWrite) => createCloudFrontPointer(fresh(endpoint, mayWrite), clock),
  },
  CloudFrontKeyValueStore: {
    seed: {
      distributions: [
        {
          ...distribution,
          behaviors: distribution.behaviors.map((one) => ({ ...one, viewerRequestFunction: FUNCTION })),
        },
      ],
      keyValueStores: [{ name: STORE }],
      functions: [{ name: FUNCTION, code: functionSource(KEY), keyValueStore: STORE }],
    },
    specs: KEY_SPECS,
    atLast: AT_LAST_BY_KEY,
    visits: USERS.map((user, index) => ({ user, part: PARTS[index % PARTS.length] ?? '*' })),
    moves: ['UpdateKeys', 'UpdateDistribution'],
    operations: [
      'DescribeKeyValueStore',
      'GetKey',
      'UpdateKeys',
      'GetDistribution',
      'UpdateDistribution',
      'CreateInvalidation',
      'DescribeFunction',
    ],
    // Nobody says when an edge follows a key; after the time to propagate it is taken for granted, so both together are less.
    slowest: { holdSeconds: 18, propagationSeconds: 40 },
    pointer: (endpoint, clock, mayWrite) =>
      createKeyValueStorePointer(
        { ...fresh(endpoint, mayWrite), storeEndpoint: endpoint, propagationMs: PROPAGATION_MS },
        clock,
      ),
  },
}
