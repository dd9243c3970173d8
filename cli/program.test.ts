import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { COMMAND_VERBS } from '../operator/planner/rules/commands.ts'
import { verbFirst } from './arguments.ts'
import { targetOf } from './cluster/kubeconfig.ts'
import { SCRIPTS } from './completion/scripts.ts'
import { durationMs } from './follow/time.ts'
import { silentIo } from './docs.ts'
import { COMMANDS, buildProgram } from './program.ts'
import { cli } from './test/release-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'modelrelease-program-'))
const NOWHERE = { kubeconfig: join(folder, 'none') }

const run = (...argv: string[]): ReturnType<typeof cli> => cli(NOWHERE, argv)

test('the verbs of commands are those of the operator', () => {
  expect(Object.keys(COMMANDS).toSorted()).toEqual(COMMAND_VERBS.toSorted())
})

test.each([
  [['nonsense']],
  [['get', '--nonsense']],
  [['status']],
  [['get', '-o', 'xml']],
  [['get', '--timeout=1s']],
])('a wrong command line ends with 3: %j', async (argv) => {
  expect(await run(...argv)).toMatchObject({ code: 3, out: '' })
})

test.each([[[]], [['--help']], [['apply', '--help']], [['help', 'apply']]])(
  'help ends with 0: %j',
  async (argv) => {
    const { code, out } = await run(...argv)
    expect({ code, isTold: out.includes('Usage: kubectl-modelrelease') }).toEqual({ code: 0, isTold: true })
  },
)

/** What is written before the verb means what it means behind it: the same result, error and help. */
describe('flags before the verb', () => {
  const FILE = join(folder, 'logs')
  writeFileSync(FILE, '')

  test.each([
    ['-n x get', 'get -n x'],
    ['-n=x get', 'get -n x'],
    ['-nx get', 'get -n x'],
    ['--namespace=x get housing', 'get housing -n x'],
    ['--context c status housing', 'status housing --context c'],
    ['--context status status housing', 'status housing --context status'],
    ['-n get get -o xml', 'get -n get -o xml'],
    ['-o xml -A get', 'get -A -o xml'],
    ['-Aw get', 'get -Aw'],
    ['-Al team=a get', 'get -A -l team=a'],
    ['--watch status housing --output json', 'status housing --watch --output json'],
    ['--request-timeout 5 get', 'get --request-timeout 5'],
    ['-n x lint -f none.yaml', 'lint -f none.yaml -n x'],
    ['-n x status', 'status -n x'],
    ['-n x nonsense', 'nonsense -n x'],
    ['--nonsense get', 'get --nonsense'],
    ['-n x completion tcsh', 'completion tcsh -n x'],
    ['-o json version', 'version -o json'],
    [`-f ${FILE} lint`, `lint -f ${FILE}`],
    ['-f logs housing --tail x', 'logs housing -f --tail x'],
    ['--help get', 'get --help'],
    ['-n x get --help', 'get --help'],
    ['-n x help apply', 'help apply'],
  ])('%s is %s', async (before, behind) => {
    const result = await run(...before.split(' '))
    expect(result).toEqual(await run(...behind.split(' ')))
    expect(result.out + result.err).not.toBe('')
  })

  test.each([
    ['-n a get -n b', ['get', '-n', 'a', '-n', 'b']],
    ['-n a -n=b get', ['get', '-n', 'a', '-n', 'b']],
    ['--watch status housing --watch=false', ['status', 'housing']],
    ['-w=false status housing -w', ['status', 'housing', '-w']],
    ['-f apply apply -f two', ['apply', '-f', 'apply', '-f', 'two']],
    ['get -- -n b', ['get', '--', '-n', 'b']],
    ['get -n', ['get', '-n']],
    ['logs housing --no-prefix=true', ['logs', 'housing', '--no-prefix']],
  ])('%s', (line, expected) => {
    expect(verbFirst(buildProgram(silentIo()), line.split(' '))).toEqual(expected)
  })
})

describe('completion', () => {
  test.each([
    [['-n', 'x', 'sta'], 'status'],
    [['-n', 'x', 'get', '-o', 'y'], 'yaml'],
    [['-n', ''], ''],
    [['-o', 'y'], 'yaml'],
    [['sta'], 'status'],
    [['get', '-o', 'y'], 'yaml'],
    [['apply', '--f'], '--filename,--force-conflicts,--field-manager'],
    [['completion', 'f'], 'fish'],
    [['status', 'hou'], ''],
  ])('%j', async (words, expected) => {
    const { out } = await run('__complete', ...words)
    const lines = out.trimEnd().split('\n')
    expect(lines.at(-1)).toBe(':4')
    expect(
      lines
        .slice(0, -1)
        .map((line) => line.split('\t')[0])
        .join(','),
    ).toBe(expected)
  })

  test('behind -f the shell names files', async () => {
    expect((await run('__complete', 'apply', '-f', '')).out).toBe(':0\n')
  })

  test('the script of bash is one, and asks the program', () => {
    const script = join(folder, 'completion.bash')
    writeFileSync(script, SCRIPTS.bash)
    writeFileSync(
      join(folder, 'kubectl-modelrelease'),
      '#!/bin/sh\nprintf "status\\tShow\\nstill\\n:4\\n"\n',
      { mode: 0o755 },
    )
    const typed = `source ${script}; COMP_WORDS=(${folder}/kubectl-modelrelease st); COMP_CWORD=1; _kubectl_modelrelease; echo "\${COMPREPLY[*]}"`
    expect(execFileSync('bash', ['-eu', '-c', typed], { encoding: 'utf8' })).toBe('status still\n')
  })
})

describe('the cluster is found as kubectl finds it', () => {
  const write = (name: string, content: object): string => {
    const path = join(folder, name)
    writeFileSync(path, JSON.stringify(content))
    return path
  }
  const config = (server: string, more: object = {}): object => ({
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: server } }],
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u', namespace: 'models' } }],
    ...more,
  })
  const environment = (kubeconfig?: string, home?: string) => ({
    kubeconfig,
    home,
    noColor: true,
    dumbTerminal: true,
    debug: false,
  })

  test('of several files the first that names a thing wins, and a missing one is nothing', () => {
    const first = write('a', { ...config('https://first'), 'current-context': 'one' })
    const second = write('b', { ...config('https://second'), 'current-context': 'two' })
    const { kubeConfig, namespace } = targetOf(
      {},
      environment(`${first}:${join(folder, 'missing')}:${second}`),
    )
    expect([kubeConfig.getCurrentCluster()?.server, kubeConfig.getCurrentUser()?.token, namespace]).toEqual([
      'https://first',
      'https://first',
      'models',
    ])
  })

  test('flags win: file, context, cluster, user, namespace', () => {
    const other = write('c', {
      clusters: [
        { name: 'c', cluster: { server: 'https://c' } },
        { name: 'd', cluster: { server: 'http://d' } },
      ],
      users: [
        { name: 'u', user: {} },
        { name: 'v', user: { token: 'v' } },
      ],
      contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
    })
    const flags = { kubeconfig: other, context: 'one', cluster: 'd', user: 'v', namespace: 'n', as: 'jane' }
    const { kubeConfig, namespace } = targetOf(flags, environment(write('a2', config('https://first'))))
    expect(kubeConfig.getCurrentCluster()).toMatchObject({ server: 'http://d', skipTLSVerify: true })
    expect(kubeConfig.getCurrentUser()).toMatchObject({ token: 'v', impersonateUser: 'jane' })
    expect([namespace, targetOf({ kubeconfig: other, context: 'one' }, environment()).namespace]).toEqual([
      'n',
      'default',
    ])
  })

  test('the home folder, where nothing else is named', () => {
    mkdirSync(join(folder, '.kube'))
    write('.kube/config', { ...config('https://home'), 'current-context': 'one' })
    expect(targetOf({}, environment(undefined, folder)).kubeConfig.getCurrentCluster()?.server).toBe(
      'https://home',
    )
  })

  test.each([
    [{ context: 'nope' }, /context "nope" does not exist in the kubeconfig: it has one/],
    [{ user: 'nope' }, /user "nope" does not exist/],
    [{ cluster: 'nope' }, /no cluster "nope"/],
    [{ kubeconfig: '/nope' }, /kubeconfig \/nope does not exist/],
  ])('%j', (flags, said) => {
    const file = write('e', { ...config('https://e'), 'current-context': 'one' })
    expect(() => targetOf(flags, environment(file))).toThrow(said)
  })
})

test.each([
  ['0', 0],
  ['90s', 90_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
])('%s is a duration', (text, ms) => {
  expect(durationMs(text)).toBe(ms)
})

test.each(['', '5', 's', '1d', '-1s', '1s x'])('"%s" is none', (text) => {
  expect(() => durationMs(text)).toThrow(/is no duration/)
})
