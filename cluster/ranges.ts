/** An IPv4 network: its lowest address as an unsigned number and the length of its prefix in bits. */
export interface Cidr {
  readonly base: number
  readonly prefix: number
}

/** What one node needs of the address space, cut from one /16. */
export interface NodeRanges {
  /** The wire between the machine and the node, a /30. */
  readonly link: string
  /** Where pods reach programs on the machine. */
  readonly hostAddress: string
  /** Where the machine reaches the node's API server and NodePorts. */
  readonly nodeAddress: string
  readonly serviceCidr: string
  readonly podCidr: string
  /** The first Service address, which is always `kubernetes.default`. */
  readonly apiServiceAddress: string
  /** Where the cluster's DNS listens, an address of the node's own. */
  readonly dnsAddress: string
}

/** A destination that the machine itself routes, and through which device where that is known. */
export interface Route {
  readonly destination: string
  readonly device: string | undefined
}

/** Reads `a.b.c.d/n` or a bare address (a /32); undefined where it is neither or has bits set behind its prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text)
  if (match === null) return undefined
  const octets = match.slice(1, 5).map(Number)
  const prefix = match[5] === undefined ? 32 : Number(match[5])
  if (octets.some((octet) => octet > 255) || prefix > 32) return undefined
  const base = octets.reduce((sum, octet) => sum * 256 + octet, 0)
  return base % sizeOf(prefix) === 0 ? { base, prefix } : undefined
}

/** Whether two networks share an address. */
export function overlap(left: Cidr, right: Cidr): boolean {
  return left.base < right.base + sizeOf(right.prefix) && right.base < left.base + sizeOf(left.prefix)
}

/** Cuts a /16 into the link, the Service range (a /18) and the Pod range (a /17). */
export function nodeRanges(range: string): NodeRanges {
  const cidr = parseCidr(range)
  if (cidr?.prefix !== 16) throw new RangeError(`${range} is not an IPv4 /16`)
  const at = (offset: number): string => formatAddress(cidr.base + offset)
  const services = 0x4000
  return {
    link: `${at(0)}/30`,
    hostAddress: at(1),
    nodeAddress: at(2),
    serviceCidr: `${at(services)}/18`,
    podCidr: `${at(0x8000)}/17`,
    apiServiceAddress: at(services + 1),
    dnsAddress: at(services + 10),
  }
}

/** The first of the machine's routes that the range would take addresses from; the default route takes part in none. */
export function overlappingRoute(range: string, routes: readonly Route[]): Route | undefined {
  const wanted = parseCidr(range)
  if (wanted === undefined) throw new RangeError(`${range} is not an IPv4 range`)
  return routes.find(({ destination }) => {
    const taken = parseCidr(destination)
    return taken !== undefined && taken.prefix > 0 && overlap(wanted, taken)
  })
}

/** Another private /16 that no route overlaps, for the remedy of a refusal; undefined where all are taken. */
export function freeRange(routes: readonly Route[]): string | undefined {
  const candidates = Array.from({ length: 256 }, (_, index) => `10.${(213 + index) % 256}.0.0/16`)
  return candidates.find((candidate) => overlappingRoute(candidate, routes) === undefined)
}

function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix)
}

function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}
