import { describe, expect, test } from '@jest/globals'
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
    expect(JSON.parse(kindCommands.configuration(nodeRanges('10.20.0.0/16')))).toEqual({
      kind: 'Cluster',
      apiVersion: 'kind.x-k8s.io/v1alpha4',
      networking: { podSubnet: '10.20.128.0/17', serviceSubnet: '10.20.64.0/18' },
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
