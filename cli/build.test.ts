import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { BUNDLE, bundle, lazily } from './build.ts'
import { silentIo } from './docs.ts'
import { buildProgram } from './program.ts'
import { programVersion } from './version.ts'

describe('a package is asked for where it is used', () => {
  test.each([
    [
      "import { A, Bc } from 'p';\nnew A(A.x, 'A', o.A, Bc)",
      "\nnew (require('p').A)((require('p').A).x, 'A', o.A, (require('p').Bc))",
    ],
    ["import * as all from 'p'\nall.one(taller)", "\nrequire('p').one(taller)"],
    ["import usual from 'p';\nusual.one()", "\nrequire('p').one()"],
  ])('%j', (source, expected) => {
    expect(lazily(source, 'p')).toBe(expected)
  })

  test('a package that is imported in another way ends the build', () => {
    expect(() => lazily("import 'p'", 'p')).toThrow(/p is not imported as it was/)
  })
})

describe('the bundle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelrelease-bundle-'))
  const kubeconfig = (cluster: object, user: object): string => {
    const path = join(folder, `${Math.random()}`)
    const config = {
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:9', ...cluster } }],
      users: [{ name: 'c', user }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
    }
    writeFileSync(path, JSON.stringify(config))
    return path
  }
  const run = (...argv: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [BUNDLE, ...argv], { encoding: 'utf8' })
    return { status, said: stdout + stderr }
  }

  beforeAll(() => bundle(), 120_000)

  test('says which version it is', () => {
    expect(run('version').said).toContain(`kubectl-modelrelease ${programVersion()} `)
  })

  test('has the schema and its rules', () => {
    const file = join(folder, 'release.json')
    const spec = { model: { name: 'm', version: '1', uri: 'nowhere' }, template: {} }
    const release = {
      apiVersion: 'modelrelease.io/v1alpha1',
      kind: 'ModelRelease',
      metadata: { name: 'm' },
      spec,
    }
    writeFileSync(file, JSON.stringify(release))
    const { status, said } = run('lint', '-f', file)
    expect(status).toBe(3)
    expect(said).toContain('exactly one of model')
  })

  const verbs = buildProgram(silentIo()).commands.map((one) => one.name())

  test.each(verbs)('%s can be loaded', (verb) => {
    const argv = ['init', 'completion', 'version', 'get'].includes(verb) ? [] : ['housing']
    const file = ['apply', 'plan', 'diff', 'lint'].includes(verb) ? ['-f', join(folder, 'none.yaml')] : argv
    // What it says is about its argument or the cluster, never about a piece that is missing.
    expect(run(verb, ...file, '--kubeconfig', join(folder, 'none')).said).not.toMatch(
      /Cannot find|not in this bundle|TypeError|ReferenceError/,
    )
  })

  test.each([
    [{}, {}],
    [{ 'proxy-url': 'socks5://127.0.0.1:9' }, {}],
    [{ 'proxy-url': 'http://127.0.0.1:9' }, {}],
  ])('asks the cluster: %j', (cluster, user) => {
    const { status, said } = run('get', '--kubeconfig', kubeconfig(cluster, user))
    expect(status).toBe(3)
    expect(said).toContain('ECONNREFUSED 127.0.0.1:9')
  })

  test('asks an issuer of tokens, and the program of a cloud', () => {
    const oidc = {
      'auth-provider': {
        name: 'oidc',
        config: {
          'idp-issuer-url': 'https://127.0.0.1:9',
          'client-id': 'c',
          'id-token': 'e30.eyJleHAiOjF9.AAAA',
          'refresh-token': 'r',
        },
      },
    }
    const exec = {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: 'sh',
        args: ['-c', 'echo no-token-here >&2; exit 7'],
      },
    }
    const azure = {
      'auth-provider': {
        name: 'azure',
        config: { 'cmd-path': 'sh', 'cmd-args': '-c true', 'token-key': '{.a}' },
      },
    }
    for (const user of [oidc, exec, azure]) {
      const { status, said } = run('get', '--kubeconfig', kubeconfig({}, user))
      expect(status).toBe(3)
      expect(said).not.toMatch(/Cannot find|is not a function|is not defined/)
    }
  })
})
