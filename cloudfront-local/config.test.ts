import { expect, test } from '@jest/globals'
import { ConfigError, FLAGS, HELP, readCommandLine } from './config.ts'

test('without flags: three edges beside the control plane, on the loopback address', () => {
  expect(readCommandLine([])).toEqual({
    type: 'Run',
    seedFile: undefined,
    options: {
      hosts: ['127.0.0.1'],
      port: 4570,
      edges: 3,
      edgePorts: [4571, 4572, 4573],
      resolve: [],
      propagation: { minMs: 2000, maxMs: 10_000 },
      storePropagation: { minMs: 200, maxMs: 2000 },
      identicalPut: 'NewEtag',
      unknownOrigin: 'Throws',
      maxPageSize: 100,
    },
  })
})

test('every flag', () => {
  const line =
    '--host 127.0.0.1 --host 10.9.0.1 --port 0 --edges 2 --edge-ports 7001,7005 --seed s.json ' +
    '--resolve Blue.Example=10.0.0.1:8080 --resolve green.example=::1 --propagation-min 5 --propagation-max 5 ' +
    '--random-seed 9 --audit a.jsonl --identical-put same-etag --max-page-size 2 --viewer-port 0 --state s ' +
    '--store-propagation-min 1 --store-propagation-max 2 --unknown-origin fails'
  expect(readCommandLine(line.split(' '))).toEqual({
    type: 'Run',
    seedFile: 's.json',
    options: {
      hosts: ['127.0.0.1', '10.9.0.1'],
      port: 0,
      edges: 2,
      edgePorts: [7001, 7005],
      resolve: ['Blue.Example=10.0.0.1:8080', 'green.example=::1'],
      propagation: { minMs: 5, maxMs: 5 },
      storePropagation: { minMs: 1, maxMs: 2 },
      viewerPort: 0,
      stateFolder: 's',
      randomSeed: 9,
      auditFile: 'a.jsonl',
      identicalPut: 'SameEtag',
      unknownOrigin: 'FailsRequest',
      maxPageSize: 2,
    },
  })
})

test('port 0 means any free port for every edge', () => {
  expect(readCommandLine(['--edge-ports=0'])).toMatchObject({ options: { edgePorts: [0, 0, 0] } })
})

test('--help, whatever else is there', () => {
  expect(readCommandLine(['--port', 'x', '--help'])).toEqual({ type: 'Help' })
})

test('the help names every flag, and a stranger is told to look there', () => {
  for (const flag of FLAGS) expect(HELP).toContain(`--${flag}`)
  expect(() => readCommandLine(['--nonsense', '1'])).toThrow('--nonsense: unknown flag; see --help')
})

test('a lower end of a range above the default upper one moves that up', () => {
  expect(readCommandLine(['--propagation-min', '20000'])).toMatchObject({
    options: { propagation: { minMs: 20_000, maxMs: 20_000 } },
  })
})

test('all problems are told at once', () => {
  const args = [
    'stray',
    '--port',
    '70000',
    '--edges',
    '0',
    '--edge-ports',
    '1,2',
    '--host',
    'localhost',
    '--audit',
  ]
  args.push('--resolve', 'blue.example=elsewhere', '--propagation-min', '9', '--propagation-max', '3')
  args.push('--store-propagation-max', 'soon', '--viewer-port', '-1')
  const problems = (() => {
    try {
      readCommandLine(args)
    } catch (error) {
      return (error as ConfigError).problems
    }
    return []
  })()
  const found = ['stray', '--audit', '--edges 0', '--host', '--port 70000', '--edge-ports', '--resolve']
  for (const part of [...found, '--propagation-min 9', '--store-propagation-max soon', '--viewer-port -1']) {
    expect(problems.filter((problem) => problem.includes(part))).toHaveLength(1)
  }
})
