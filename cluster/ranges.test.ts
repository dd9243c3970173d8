import { describe, expect, test } from '@jest/globals'
import {
  freeRange,
  nodeRanges,
  overlap,
  overlappingRoute,
  parseCidr,
  type Cidr,
  type Route,
} from './ranges.ts'

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text)
  if (parsed === undefined) throw new Error(`${text} is no network`)
  return parsed
}
const route = (destination: string, device?: string): Route => ({ destination, device })

describe('parseCidr', () => {
  test.each([
    { text: '10.213.0.0/16', cidr: { base: 0x0ad50000, prefix: 16 } },
    { text: '255.255.255.255', cidr: { base: 0xffffffff, prefix: 32 } },
    { text: '0.0.0.0/0', cidr: { base: 0, prefix: 0 } },
  ])('$text', ({ text, cidr: parsed }) => expect(parseCidr(text)).toEqual(parsed))

  test.each([
    '',
    'default',
    '10.0.0/8',
    '10.0.0.256/32',
    '10.0.0.0/33',
    '10.213.0.1/16',
    'fd00::/8',
    '10.0.0.0/8x',
  ])('%j is none', (text) => expect(parseCidr(text)).toBeUndefined())
})

describe('overlap', () => {
  test.each([
    { left: '10.213.0.0/16', right: '10.213.200.0/24', expected: true },
    { left: '10.213.0.0/16', right: '10.0.0.0/8', expected: true },
    { left: '10.213.0.0/16', right: '10.213.0.0/16', expected: true },
    { left: '10.213.0.0/16', right: '10.213.255.255/32', expected: true },
    { left: '10.213.0.0/16', right: '10.214.0.0/16', expected: false },
    { left: '10.213.0.0/16', right: '10.212.255.255/32', expected: false },
    { left: '200.0.0.0/5', right: '255.0.0.0/8', expected: false },
  ])('$left and $right: $expected, either way round', ({ left, right, expected }) => {
    const [one, other] = [cidr(left), cidr(right)]
    expect(overlap(one, other)).toBe(expected)
    expect(overlap(other, one)).toBe(expected)
  })
})

describe('overlappingRoute', () => {
  test('names the route that is in the way', () => {
    const routes = [route('default', 'eth0'), route('192.0.2.0/24', 'eth0'), route('10.213.64.0/20', 'tun0')]
    expect(overlappingRoute('10.213.0.0/16', routes)).toEqual(route('10.213.64.0/20', 'tun0'))
  })

  test('finds none among default routes, other networks and IPv6', () => {
    const routes = [
      route('default', 'eth0'),
      route('0.0.0.0/0', 'eth1'),
      route('10.212.0.0/16'),
      route('fe80::/64'),
    ]
    expect(overlappingRoute('10.213.0.0/16', routes)).toBeUndefined()
  })
})

describe('freeRange', () => {
  test('passes over what is taken', () => {
    expect(freeRange([route('10.213.0.0/16'), route('10.214.1.0/24')])).toBe('10.215.0.0/16')
  })

  test('wraps around to the low networks', () => {
    const high = Array.from({ length: 43 }, (_, index) => route(`10.${213 + index}.0.0/16`))
    expect(freeRange(high)).toBe('10.0.0.0/16')
  })

  test('is undefined where a machine routes them all', () => {
    expect(freeRange([route('10.0.0.0/8')])).toBeUndefined()
  })
})

test('a node gets four parts of its range that do not overlap', () => {
  const ranges = nodeRanges('10.213.0.0/16')
  expect(ranges).toEqual({
    link: '10.213.0.0/30',
    hostAddress: '10.213.0.1',
    nodeAddress: '10.213.0.2',
    serviceCidr: '10.213.64.0/18',
    podCidr: '10.213.128.0/17',
    apiServiceAddress: '10.213.64.1',
    dnsAddress: '10.213.64.10',
  })
  const parts = [ranges.link, ranges.serviceCidr, ranges.podCidr].map(cidr)
  const pairs = parts.flatMap((left, index) => parts.slice(index + 1).map((right) => overlap(left, right)))
  expect(pairs).toEqual([false, false, false])
})
