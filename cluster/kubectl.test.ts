import { describe, expect, test } from '@jest/globals'
import { applyCrdFlags, serverMinorOf } from './kubectl.ts'

const printed = (client: string, server?: string): string =>
  JSON.stringify({
    clientVersion: { major: '1', minor: client },
    ...(server === undefined ? {} : { serverVersion: { major: '1', minor: server } }),
  })

test('a CRD with CEL rules is applied as the README says, but where the API server is too old for them', () => {
  expect(applyCrdFlags(36)).toEqual(['--server-side', '--force-conflicts'])
  expect(applyCrdFlags(25)).not.toContain('--validate=false')
  expect(applyCrdFlags(24)).toEqual(['--validate=false'])
})

describe('the kubectl of a cluster that was not built here', () => {
  test.each([
    ['36', '36', 36],
    ['25', '20', 20],
    ['33+', '32+', 32],
  ])('1.%s may talk to 1.%s', (client, server, minor) => {
    expect(serverMinorOf('kubectl', printed(client, server))).toBe(minor)
  })

  test('is refused where it is too old, with the version to have', () => {
    expect(() => serverMinorOf('/usr/bin/kubectl', printed('20+', '36'))).toThrow(
      '/usr/bin/kubectl is version 1.20+, and this needs 1.25 or newer; name another with --kubectl PATH or MODELRELEASE_KUBECTL',
    )
    expect(() => serverMinorOf('kubectl', '{}')).toThrow('is version 1.?')
  })

  test('is refused where it does not say what it talks to', () => {
    expect(() => serverMinorOf('kubectl', printed('36'))).toThrow('which Kubernetes the server is')
  })
})
