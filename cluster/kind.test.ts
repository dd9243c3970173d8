import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { attempt, type RunResult } from './command.ts'
import { kindCommands } from './kind.ts'
import { chooseProvider } from './provider.ts'
import { nodeRanges } from './ranges.ts'

describe('kind’s commands', () => {
  test('never write to the user’s kubeconfig', () => {
    const commands = [
      kindCommands.create('n', '/own/kubeconfig'),
      kindCommands.remove('n', '/own/kubeconfig'),
    ]
    for (const command of commands) {
      expect(command.join(' ')).toContain('--name n --kubeconfig /own/kubeconfig')
    }
  })

  test('give the cluster the same ranges as a Debian node', () => {
    expect(JSON.parse(kindCommands.configuration(nodeRanges('10.20.0.0/16'), undefined))).toEqual({
      kind: 'Cluster',
      apiVersion: 'kind.x-k8s.io/v1alpha4',
      networking: { podSubnet: '10.20.128.0/17', serviceSubnet: '10.20.64.0/18' },
    })
  })

  test('take the image that the settings name, for the one node', () => {
    const configuration = kindCommands.configuration(nodeRanges('10.20.0.0/16'), 'own/node:v1')
    expect(JSON.parse(configuration)).toMatchObject({
      nodes: [{ role: 'control-plane', image: 'own/node:v1' }],
    })
  })

  test('build with arguments, the context last', () => {
    const spec = { dockerfile: 'D', tag: 't:1', context: '/src', buildArgs: { A: '1', B: 'x y' } }
    expect(kindCommands.build(spec)).toEqual([
      ...[
        'docker',
        'build',
        '--file',
        'D',
        '--tag',
        't:1',
        '--build-arg',
        'A=1',
        '--build-arg',
        'B=x y',
        '/src',
      ],
    ])
  })

  test('load into the named cluster only', () => {
    expect(kindCommands.load('n', 't:1')).toEqual(['kind', 'load', 'docker-image', 't:1', '--name', 'n'])
  })
})

describe('chooseProvider', () => {
  const neither = { nodeBegun: false, kindUsable: false }
  test.each([
    { provider: 'auto', findings: neither, chosen: 'debian' },
    { provider: 'auto', findings: { ...neither, kindUsable: true }, chosen: 'kind' },
    { provider: 'auto', findings: { nodeBegun: true, kindUsable: true }, chosen: 'debian' },
    { provider: 'debian', findings: { ...neither, kindUsable: true }, chosen: 'debian' },
    { provider: 'context', findings: { nodeBegun: true, kindUsable: true }, chosen: 'context' },
  ] as const)('$provider with $findings: $chosen', ({ provider, findings, chosen }) => {
    expect(chooseProvider({ provider }, findings)).toBe(chosen)
  })
})

describe('up', () => {
  let folder = ''

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kind-'))
    await program('kind', '[ "$1" = get ] && echo n || true')
    await program('docker', 'echo 10.0.0.1')
    await program('ip', 'true')
  })
  afterEach(() => rm(folder, { recursive: true }))

  /** Stands for a program of the machine. */
  const program = (name: string, script: string): Promise<void> =>
    writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const nodeThatIs = (status: 'True' | 'False'): Promise<void> => {
    const version = { clientVersion: { minor: '36' }, serverVersion: { minor: '36' } }
    const nodes = {
      items: [{ metadata: { name: 'n' }, status: { conditions: [{ type: 'Ready', status }] } }],
    }
    const says = (object: object): string => `echo '${JSON.stringify(object)}'`
    return program('kubectl', `case "$*" in *version*) ${says(version)};; *) ${says(nodes)};; esac`)
  }
  const up = (): Promise<RunResult> => {
    const flags = ['--provider', 'kind', '--name', 'n', '--range', '10.213.0.0/16']
    const env = { PATH: `${folder}:${process.env.PATH ?? ''}`, HOME: folder, XDG_CACHE_HOME: folder }
    return attempt(
      process.execPath,
      [join(import.meta.dirname, 'cluster.ts'), 'up', '--kubectl', join(folder, 'kubectl'), ...flags],
      { env },
    )
  }

  test('gives a cluster whose node is ready', async () => {
    await nodeThatIs('True')
    const { code, stdout } = await up()
    expect(stdout).toContain(`kubeconfig: ${folder}/modelrelease/kind/n.kubeconfig`)
    expect(code).toBe(0)
  })

  test('takes no range that leads elsewhere already', async () => {
    await program('kind', '[ "$1" = get ] || touch "$0".created')
    await program('ip', `echo '[{"dst":"10.213.80.0/20","dev":"tun0"}]'`)
    const { code, stderr } = await up()
    expect(stderr).toContain('overlaps 10.213.80.0/20, which this machine routes through tun0')
    expect(code).toBe(1)
    await expect(access(join(folder, 'kind.created'))).rejects.toThrow('ENOENT')
  })

  test('takes away the routes that a cluster of ours left, which kind removed', async () => {
    const routes = join(folder, 'routes')
    await writeFile(routes, '[{"dst":"10.213.80.0/20","dev":"br-1"}]')
    const forget = `[ "$2" = delete ] && [ "$5" = 86 ] && echo '[]' > ${routes}`
    await program('ip', `${forget}; cat ${routes}`)
    await program('kind', '[ "$1" = get ] || touch "$0".created')
    await nodeThatIs('True')
    await up()
    await access(join(folder, 'kind.created'))
  })

  test('refuses one whose node is not, which kind itself takes', async () => {
    await nodeThatIs('False')
    const { code, stderr } = await up()
    expect(stderr).toContain('kind cluster n is not usable: node n is not Ready')
    expect(code).toBe(1)
  })
})
