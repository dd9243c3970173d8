import { expect, test } from '@jest/globals'
import { machinePath, npmAccess, parseSettings, withoutUsers } from './npm-access.ts'

test('parseSettings leaves out what is not set', () => {
  const printed = 'registry=https://registry.test/\ncafile=null\nproxy=undefined\nnoproxy=\nstrict-ssl=true'
  expect(parseSettings(printed)).toEqual({ registry: 'https://registry.test/', 'strict-ssl': 'true' })
})

test('npm runs on the machine’s own Node, beside which its settings lie', () => {
  expect(machinePath(['/project/node_modules/.bin', '/usr/bin', '/node_modules/.bin/', '/bin'])).toBe(
    '/usr/bin:/bin',
  )
})

test('a build gets the registry, its authorities and credentials, and no other setting of the user', () => {
  const resolved = {
    registry: 'https://registry.test/npm/',
    cafile: '/etc/ssl/certs/ca.crt',
    'https-proxy': 'http://proxy.test',
    userconfig: '/home/ada/.npmrc',
  }
  const userFile = [
    '//registry.test/npm/:_authToken=secret',
    '@mine:registry=https://mine.test/',
    'prefix=/home/ada/.npm-global',
    'registry=https://overridden.test/',
    '',
  ].join('\n')
  expect(npmAccess(resolved, userFile)).toEqual({
    npmrc: [
      'registry=https://registry.test/npm/',
      'https-proxy=http://proxy.test',
      'cafile=/usr/local/etc/npm-authorities.crt',
      '//registry.test/npm/:_authToken=secret',
      '@mine:registry=https://mine.test/',
      '',
    ].join('\n'),
    authorities: '/etc/ssl/certs/ca.crt',
  })
})

test('a machine without authorities of its own mounts none', () => {
  expect(npmAccess({ registry: 'https://registry.example.com/' }, '').authorities).toBeUndefined()
})

test('what may become part of a layer holds no name and no password', () => {
  const proxy = 'http://jo:s%40cret@proxy.example.com:3128/'
  const registry = 'https://registry.example.com/npm/@team/'
  expect(withoutUsers({ proxy, registry })).toEqual({ proxy: 'http://proxy.example.com:3128/', registry })
})
