import { expect, test } from '@jest/globals'
import { dashboard, type WrittenRelease } from '../../demo/housing.ts'
import { ROWS, type Row } from '../../operator/test/e2e/bad-input-rows.ts'
import type { Manifest } from '../manifest.ts'
import { lintManifest, storedSpec } from './lint.ts'

/** A release of a model, as the rows of bad input expect one. */
function good(): WrittenRelease {
  const release = dashboard('1')
  return {
    ...release,
    spec: {
      model: { name: 'housing', version: '1', uri: 'https://models.example.com/housing.onnx' },
      gates: [
        {
          name: 'a-known-house',
          smoke: {
            request: { method: 'POST', path: '/predict', json: {} },
            expect: { json: [{ path: '$.prediction[0]', equals: 26.9, absoluteTolerance: 0.01 }] },
          },
        },
      ],
      traffic: {
        type: 'CloudFrontDistribution',
        cloudFrontDistribution: {
          distributionId: 'E123EXAMPLE',
          origins: { blue: 'housing-blue', green: 'housing-green' },
          verify: { url: 'https://models.example.com/v2/health/ready' },
        },
      },
    },
  } as unknown as WrittenRelease
}

const lint = (release: WrittenRelease): string[] => lintManifest(release).errors

test('a good release is good', () => {
  expect(lint(good())).toEqual([])
  expect(lintManifest(dashboard('1') as unknown as Manifest).errors).toEqual([])
})

/** What can be known only where the cluster or AWS is. */
function needsCluster({ answer }: Row): boolean {
  return answer.type === 'Stalled' && answer.reason !== 'InvalidSpec'
}

test.each(ROWS.map((row): [string, Row] => [row.input, row]))('bad input: %s', (_, row) => {
  const errors = lint(row.edit(good()))
  expect(errors.length > 0).toBe(!needsCluster(row))
})

test('defaults are those of the API server', () => {
  expect(storedSpec({ model: { name: 'a', version: '1', uri: 'https://x/1' } })).toMatchObject({
    port: 8080,
    traffic: { type: 'Service' },
    minReadySeconds: 10,
  })
})
