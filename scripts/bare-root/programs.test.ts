import { expect, test } from '@jest/globals'
import { missingPrograms, originsOf, tellPrograms } from './programs.ts'

const records = {
  executed: [
    '/usr/bin/bash',
    '/usr/bin/make',
    '/usr/bin/node',
    '/usr/bin/x86_64-linux-gnu-as',
    '/usr/bin/dash',
    '/root/modelrelease/node_modules/node/bin/node',
    '/var/lib/dpkg/info/npm.postinst',
    '/usr/local/bin/kubectl',
    '/run/node',
    '/root/elsewhere/helm',
    '',
  ].join('\n'),
  before: 'bash\ndash\nmake\n',
  owners: [
    'bash: /bin/bash',
    'make: /usr/bin/make',
    'nodejs: /usr/bin/node',
    'binutils-x86-64-linux-gnu, binutils-common:amd64: /usr/bin/x86_64-linux-gnu-as',
    'diversion by dash from: /bin/sh',
    'dash: /bin/dash',
  ].join('\n'),
  history: [
    'Commandline: apt-get -qq install -y --no-install-recommends nodejs npm',
    'Install: npm:amd64 (9.2.0~ds1-1), binutils-x86-64-linux-gnu:amd64 (2.40-2, automatic), nodejs:amd64 (18.20.4, x)',
    'Upgrade: bash:amd64 (1, 2)',
  ].join('\n'),
}

test('each program is told by who brought it', () => {
  const origins = originsOf(records)
  expect(Object.fromEntries(origins)).toEqual({
    '/usr/bin/bash': { type: 'Start' },
    '/usr/bin/dash': { type: 'Start' },
    '/usr/bin/make': { type: 'Start' },
    '/usr/bin/node': { type: 'Asked', package: 'nodejs' },
    '/usr/bin/x86_64-linux-gnu-as': { type: 'Dependency', package: 'binutils-x86-64-linux-gnu' },
    '/root/modelrelease/node_modules/node/bin/node': { type: 'Project' },
    '/var/lib/dpkg/info/npm.postinst': { type: 'Project' },
    '/run/node': { type: 'Project' },
    '/usr/local/bin/kubectl': { type: 'Nobody' },
    '/root/elsewhere/helm': { type: 'Nobody' },
  })
  const told = tellPrograms(origins, new Map([['jq', 'setup.sh: line 3: jq: command not found']]))
  expect(told).toContain('  nodejs: node')
  expect(told).toContain('NOT OURS /usr/local/bin/kubectl')
  expect(told).toContain('MISSING jq: nothing installs it (setup.sh: line 3: jq: command not found)')
})

test.each([
  ['scripts/setup.sh: line 8: jq: command not found', 'jq'],
  ['bash: line 1: kubectl: command not found', 'kubectl'],
  ['sh: 1: git: not found', 'git'],
  ['/root/x.sh: 12: ip: not found', 'ip'],
  ['env: ‘python3’: No such file or directory', 'python3'],
  ['make: gcc: No such file or directory', 'gcc'],
  ['Error: spawn docker ENOENT', 'docker'],
  ['error: cannot run kubectl: ENOENT', 'kubectl'],
  ['exec: "iptables": executable file not found in $PATH', 'iptables'],
])('%s', (line, program) => {
  expect([...missingPrograms(`before\n${line}\nafter`)]).toEqual([[program, line]])
})

test.each([
  'Error from server (NotFound): pods "x" not found',
  'error: not found',
  'ENOENT: no such file, open x',
])('no program is missing in: %s', (line) => expect(missingPrograms(line).size).toBe(0))
