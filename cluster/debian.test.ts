import { describe, expect, test } from '@jest/globals'
import { parseIndexes, reachOptions, refuseOtherSystems, sourceLine } from './debian.ts'

describe('refuseOtherSystems', () => {
  test('lets Debian 12 pass', () => {
    expect(() =>
      refuseOtherSystems('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'),
    ).not.toThrow()
  })

  test.each([
    {
      text: 'PRETTY_NAME="Ubuntu 24.04 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
      says: 'this is Ubuntu 24.04 LTS',
    },
    { text: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n', says: '13 (trixie)' },
    { text: '', says: 'this is this system' },
  ])('refuses $text', ({ text, says }) => {
    expect(() => refuseOtherSystems(text)).toThrow(says)
    expect(() => refuseOtherSystems(text)).toThrow('--context NAME')
  })
})

describe('the machine’s own mirrors', () => {
  const listing = 'http://mirror.test/debian/|bookworm|main\nhttp://mirror.test/sec/|bookworm-security|main\n'

  test('are read from apt’s listing', () => {
    expect(parseIndexes(listing)).toEqual([
      { uri: 'http://mirror.test/debian/', codename: 'bookworm', component: 'main' },
      { uri: 'http://mirror.test/sec/', codename: 'bookworm-security', component: 'main' },
    ])
  })

  test('are trusted with Debian’s keys only', () => {
    const index = { uri: 'http://mirror.test/debian/', codename: 'bookworm', component: 'main' }
    expect(sourceLine('deb-src', index)).toBe(
      'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.test/debian/ bookworm main',
    )
  })

  test('are reached with apt’s own proxies and checks, and nothing else of its settings', () => {
    const dump = [
      'Acquire "";',
      'Acquire::http::Proxy "http://proxy.test:3128";',
      'Acquire::http::Proxy::local.test "DIRECT";',
      'Acquire::https::Verify-Peer "true";',
      'Acquire::Check-Date "false";',
      'Acquire::Languages:: "none";',
      'APT::Install-Recommends "0";',
    ].join('\n')
    expect(reachOptions(dump)).toEqual([
      'Acquire::http::Proxy "http://proxy.test:3128"',
      'Acquire::http::Proxy::local.test "DIRECT"',
      'Acquire::https::Verify-Peer "true"',
      'Acquire::Check-Date "false"',
    ])
  })
})
