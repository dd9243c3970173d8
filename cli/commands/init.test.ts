import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { parseTable, toleranceOf } from '../init/table.ts'
import { cli, ReleaseServer } from '../test/release-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'modelrelease-init-'))
let server: ReleaseServer
beforeAll(async () => {
  server = await new ReleaseServer().start()
})
afterAll(() => server.stop())

const ONNX = ['init', 'housing', '--onnx', 'examples/housing/models/housing-2.onnx']

function table(text: string): string {
  const path = join(folder, 'rows.csv')
  writeFileSync(path, text)
  return path
}

test('from a model and a table: inputs, outputs, digest, and gates with the tolerance of the table', async () => {
  const rows = table('CHAS,RM,TAX,PTRATIO,B,LSTAT,prediction\n0,6.575,296,15.3,396.9,4.98,26.928\n')
  const { code, out, err } = await cli(server, [
    ...ONNX,
    '--uri',
    'https://models.example.com/2.onnx',
    '--rows',
    rows,
  ])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain('# It takes x: FP32 [N, 6].\n')
  expect(load(out)).toMatchObject({
    kind: 'ModelRelease',
    spec: {
      model: { name: 'housing', sha256: '7be359986e34a33dc1a96d1e42dca2ae0d1573d4aa07111afcfcff51d93c0e7a' },
      gates: [
        {
          name: 'row-1',
          smoke: {
            request: {
              path: '/v2/models/housing/infer',
              json: {
                inputs: [
                  { name: 'x', shape: [1, 6], datatype: 'FP32', data: [0, 6.575, 296, 15.3, 396.9, 4.98] },
                ],
              },
            },
            expect: { json: [{ path: '$.outputs[0].data[0]', equals: 26.928, absoluteTolerance: 0.0005 }] },
          },
        },
      ],
    },
  })
})

describe('a table that does not fit says why', () => {
  test.each([
    ['a,b\n1,2\n', /no column of the table is named after an output .* prediction/],
    ['a,prediction\n1,2\n', /takes 6 values a row \(x\), and the table has 1 columns/],
    ['a,b,c,d,e,f,prediction\n1,2,3,4,5,x,7\n', /"x" in column x is no number/],
    ['prediction\n', /no row/],
    ['a,prediction\n1\n', /row 1 of the table has 1 cells/],
  ])('%j', async (text, said) => {
    const { code, err } = await cli(server, [...ONNX, '--uri', 'https://x/1', '--rows', table(text)])
    expect(code).toBe(3)
    expect(err).toMatch(said)
  })
})

test('what is no model, and nothing to start from', async () => {
  const path = table('hello')
  expect(await cli(server, ['init', 'x', '--onnx', path, '--uri', 'https://x/1'])).toMatchObject({ code: 3 })
  expect(await cli(server, ['init', 'x'])).toMatchObject({ code: 3 })
})

test('quotes, commas in quotes, and the ends of lines of other machines', () => {
  expect(parseTable('"a ""b""",c\r\n"1,5",2\r\n')).toEqual({ columns: ['a "b"', 'c'], rows: [['1,5', '2']] })
  expect(parseTable('a,b\n,2\n')).toEqual({ columns: ['a', 'b'], rows: [['', '2']] })
})

test.each([
  [['26.928', '30.7'], 0.0005],
  [['26.93'], 0.005],
  [['3', '7'], 0.00001],
  [['123456.7'], 1],
])('the tolerance of %j is %d', (values, tolerance) => {
  expect(toleranceOf(values)).toBe(tolerance)
})

test('from a Deployment: template, port, probe, replicas', async () => {
  const container = {
    name: 'web',
    image: 'r.example/web:1',
    ports: [{ containerPort: 9000 }],
    readinessProbe: { httpGet: { path: '/healthz', port: 9000 } },
  }
  server.fake.put('/apis/apps/v1/namespaces/models/deployments', {
    metadata: { name: 'old', namespace: 'models' },
    spec: {
      replicas: 3,
      template: {
        metadata: { labels: { app: 'old' }, creationTimestamp: null },
        spec: { containers: [container] },
      },
    },
  })
  const { code, out, err } = await cli(server, ['init', 'web', '--from-deployment', 'old'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(load(out)).toEqual({
    apiVersion: 'modelrelease.io/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name: 'web', namespace: 'models' },
    spec: {
      template: { metadata: { labels: { app: 'old' } }, spec: { containers: [container] } },
      port: 9000,
      replicas: 3,
      gates: [
        { name: 'ready', smoke: { request: { method: 'GET', path: '/healthz' }, expect: { status: 200 } } },
      ],
      traffic: { type: 'Service' },
    },
  })
  expect(await cli(server, ['init', 'web', '--from-deployment', 'none'])).toMatchObject({ code: 3 })
})
