import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { BUNDLE, bundle } from './build.ts'
import { silentIo } from './docs.ts'
import { buildProgram } from './program.ts'
import { programVersion } from './version.ts'

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

  test.each<[string, object, string[]]>([
    ['no package that it does not need', {}, []],
    ['the client of a proxy', { 'proxy-url': 'socks5://127.0.0.1:9' }, ['socks-proxy-agent', 'socks']],
  ])('parses %s', (_, cluster, packages) => {
    const hook = join(folder, 'hook.cjs')
    writeFileSync(
      hook,
      `const vm = require('node:vm'), { compileFunction } = vm
      vm.compileFunction = (...all) => { console.log('parsed ' + all[2].filename); return compileFunction(...all) }`,
    )
    const argv = ['--require', hook, BUNDLE, 'get', '--kubeconfig', kubeconfig(cluster, {})]
    const { stdout } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
    const parsed = [...stdout.matchAll(/^parsed (.*)$/gm)].map(([, name = '']) => name)
    expect(parsed).toContain('./main.js')
    expect(parsed.filter((name) => !name.startsWith('./'))).toEqual(packages)
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
