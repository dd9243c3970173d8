/** Which addresses are asked: whoever may write a release must not reach through the operator what only the operator reaches. */
import { BlockList, isIP, SocketAddress } from 'node:net'
import type { Asked } from '../../ports/ports.ts'

/** Ranges in CIDR notation, for example `10.0.0.0/8`, that may be asked by a name of the spec although they are not public. */
export type AllowedRanges = readonly string[]

type Range = readonly [address: string, bits: number]

/** Never asked, whatever is configured: these lead to the node that the operator runs on, to its credentials, or nowhere. */
const NEVER: readonly Range[] = [
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['168.63.129.16', 32], // Azure's wire server
  ['100.100.100.200', 32], // Alibaba Cloud
  ['192.0.0.192', 32], // Oracle Cloud
  ['224.0.0.0', 3], // multicast, reserved, broadcast
  ['::', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::', 32], // AWS: instance metadata ::254, pod identity ::23
  ['fd20:ce::254', 128], // Google Cloud
]

const LOOPBACK: readonly Range[] = [
  ['127.0.0.0', 8],
  ['::1', 128],
]

/** https://www.iana.org/assignments/iana-ipv4-special-registry/ and iana-ipv6-special-registry: not globally reachable. */
const PRIVATE: readonly Range[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['64:ff9b:1::', 48], // NAT64 of one's own network: where the IPv4 address stands is that network's choice
  ['100::', 64],
  ['2001::', 23], // Teredo among others, which hides the address of its client
  ['2001:db8::', 32],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
]

const never = listOf(NEVER)
const loopback = listOf(LOOPBACK)
const priv = listOf(PRIVATE)

/** Says why an address is not asked; undefined where it may be. */
export type Refusal = (address: string, asked: Asked) => string | undefined

/** Takes ranges that `rangeProblem` has nothing against. */
export function createRefusal(allowed: AllowedRanges = []): Refusal {
  const exempt = listOf(allowed.map(rangeOf))
  return (address, asked) => {
    const forms = formsOf(address)
    if (forms.some((one) => holds(never, one)))
      return `${address} is a link-local, unspecified or metadata address, which is never asked`
    for (const one of forms) {
      if (holds(exempt, one)) continue
      if (holds(loopback, one)) return `${address} is a loopback address, which is not asked`
      if (asked === 'Named' && holds(priv, one))
        return `${address} is a private address, which is not asked by a name of the spec: use a public one, or have the operator's PROBE_ALLOWED_RANGES name its range`
    }
    return undefined
  }
}

/** What is wrong with a range, if anything. */
export function rangeProblem(text: string): string | undefined {
  const [address, bits] = rangeOf(text)
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return Number.isInteger(bits) && bits >= 0 && bits <= most
    ? undefined
    : `"${text}" is no range like 10.0.0.0/8`
}

function rangeOf(text: string): Range {
  const [address = '', bits = ''] = text.split('/', 2)
  return [address, bits === '' ? Number.NaN : Number(bits)]
}

function listOf(ranges: readonly Range[]): BlockList {
  const list = new BlockList()
  for (const [address, bits] of ranges) list.addSubnet(address, bits, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return list
}

function holds(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/** The address, and the IPv4 address that it leads to where it is a way through IPv6 to one. Nothing for what is a name. */
function formsOf(address: string): string[] {
  const family = isIP(address)
  if (family !== 6) return family === 4 ? [address] : []
  const inner = embedded(groupsOf(address))
  return inner === undefined ? [address] : [address, inner]
}

/** The eight groups of an IPv6 address, whatever its spelling. */
function groupsOf(address: string): number[] {
  // Written anew by Node: in lower case, shortened, an IPv4 ending only where it is mapped or compatible.
  const spelled = new SocketAddress({ address: address.replace(/%.*$/s, ''), family: 'ipv6' }).address
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(spelled)
  const [, rest = '', a, b, c, d] = dotted ?? []
  const hex = dotted
    ? `${rest}${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`
    : spelled
  const [head = '', tail] = hex.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail ? tail.split(':') : []
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array<string>(zeros).fill('0'), ...after].map((group) => Number.parseInt(group, 16))
}

/** Prefixes before an IPv4 address in the last two groups. */
const AT_THE_END: readonly (readonly number[])[] = [
  [0, 0, 0, 0, 0, 0], // IPv4-compatible, RFC 4291
  [0, 0, 0, 0, 0, 0xffff], // IPv4-mapped, RFC 4291
  [0, 0, 0, 0, 0xffff, 0], // IPv4-translated, RFC 2765
  [0x64, 0xff9b, 0, 0, 0, 0], // NAT64, RFC 6052
]

function embedded(groups: readonly number[]): string | undefined {
  const startsWith = (prefix: readonly number[]): boolean => prefix.every((group, at) => groups[at] === group)
  if (startsWith([0, 0, 0, 0, 0, 0, 0, 1])) return undefined
  if (AT_THE_END.some(startsWith)) return dottedOf(groups.slice(6))
  // 6to4, RFC 3056.
  if (groups[0] === 0x2002) return dottedOf(groups.slice(1, 3))
  // ISATAP, RFC 5214: the interface's part is 0000:5efe or 0200:5efe and an IPv4 address.
  return groups[5] === 0x5efe && ((groups[4] ?? 0) & ~0x0200) === 0 ? dottedOf(groups.slice(6)) : undefined
}

function dottedOf([high = 0, low = 0]: readonly number[]): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}
