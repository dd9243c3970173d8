import { describe, expect, test } from '@jest/globals'
import { createRefusal, rangeProblem } from './addresses.ts'

const refuses = createRefusal()

describe('never asked, by nobody and whatever is allowed,', () => {
  const allowing = createRefusal(['0.0.0.0/0', '::/0'])
  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '169.254.169.254',
    '169.254.170.23',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'fd00:ec2::254',
    'FD00:0EC2:0:0:0:0:0:23',
    'fd20:ce::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:169.254.169.254',
    '::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    '2a00::5efe:169.254.169.254',
    '2a00::200:5efe:a9fe:a9fe',
    '::ffff:0.0.0.0',
  ])('%s', (address) => {
    expect(refuses(address, 'Candidate')).toContain('never asked')
    expect(refuses(address, 'Named')).toContain('never asked')
    expect(allowing(address, 'Named')).toContain('never asked')
  })
})

describe('not asked unless it is allowed', () => {
  const allowing = createRefusal(['127.0.0.0/8', '::1/128'])
  test.each(['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'])(
    'is the loopback address %s',
    (address) => {
      expect(refuses(address, 'Candidate')).toContain('loopback')
      expect(refuses(address, 'Named')).toContain('loopback')
      expect(allowing(address, 'Named')).toBeUndefined()
    },
  )

  const inside = createRefusal(['10.0.0.0/8', 'fd12::/16'])
  test.each([
    ['10.1.2.3', 'allowed'],
    ['::ffff:10.1.2.3', 'allowed'],
    ['64:ff9b::10.1.2.3', 'allowed'],
    ['2002:a01:203::1', 'allowed'],
    ['fd12:3::1', 'allowed'],
    ['fd13::1', ''],
    ['172.16.0.1', ''],
    ['172.31.255.255', ''],
    ['192.168.1.1', ''],
    ['100.64.0.1', ''],
    ['198.19.0.1', ''],
    ['fc00::1', ''],
    ['64:ff9b:1::1', ''],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', ''],
    ['::ffff:192.168.1.1', ''],
    ['::192.168.1.1', ''],
    ['2002:c0a8:101::', ''],
  ])('is by a name the private address %s', (address, allowed) => {
    expect(refuses(address, 'Named')).toContain('PROBE_ALLOWED_RANGES')
    expect(inside(address, 'Named') === undefined).toBe(allowed === 'allowed')
    // Where the cluster puts pods and Services.
    expect(refuses(address, 'Candidate')).toBeUndefined()
  })
})

test.each([
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.0',
  '169.253.255.255',
  '169.255.0.0',
  '192.167.255.255',
  '100.63.255.255',
  '2606:4700:4700::1111',
  '64:ff9b::1.1.1.1',
  '2002:101:101::1',
  '::ffff:1.1.1.1',
  '2a00:1450:4001:80b::200e',
])('anybody may ask %s', (address) => {
  expect(refuses(address, 'Named')).toBeUndefined()
  expect(refuses(address, 'Candidate')).toBeUndefined()
})

test('a name is no address', () => expect(refuses('models.example.com', 'Named')).toBeUndefined())

test.each(['10.0.0.0/8', '::/0', 'fd00::/7', '1.2.3.4/32'])('%s is a range', (range) => {
  expect(rangeProblem(range)).toBeUndefined()
})
test.each([
  '',
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0/8',
  '::/129',
  '10.0.0.0/8.5',
  'all',
  '10.0.0.0/-1',
])('"%s" is none', (range) => expect(rangeProblem(range)).toContain('is no range'))
