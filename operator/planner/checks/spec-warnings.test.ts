import { expect, test } from '@jest/globals'
import type { Request, Spec } from '../../api/release.ts'
import { housing, housingBehindService, knownHouse } from '../../test/fakes/simulated-world.ts'
import { without } from '../state/persisted-state.ts'
import { specWarnings } from './spec-warnings.ts'

function asking(request: Partial<Request>): Spec {
  const gate = knownHouse(1)
  const smoke = { ...gate.smoke, request: { method: 'POST' as const, path: '/', ...request } }
  return housing(1, { gates: [{ ...gate, smoke }] })
}

function template(pods: object): Spec {
  return { ...without(housingBehindService(1), 'model'), template: pods as Record<string, unknown> }
}

const containers = [{ name: 'web' }]

test.each<[string, Spec, RegExp]>([
  ['a GET with json', asking({ method: 'GET', json: {} }), /"known-house": request is a GET with json.*POST/],
  ['a GET with a body', asking({ method: 'GET', body: 'x' }), /is a GET with body/],
  ['json in quotes', asking({ json: '{"a": [1]}' }), /request\.json is the text .* without quotes/],
  ['a list in quotes', asking({ json: '[1]' }), /request\.json is the text/],
  [
    'a label of ours',
    template({ metadata: { labels: { 'modelrelease.io/color': 'red' } }, spec: { containers } }),
    /labels "modelrelease\.io\/color" is overwritten/,
  ],
  [
    'the label of Helm',
    template({ metadata: { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }, spec: { containers } }),
    /managed-by" is overwritten/,
  ],
  ['a name', template({ metadata: { name: 'web' }, spec: { containers } }), /metadata\.name has no effect/],
  [
    'a color of its own',
    template({
      spec: { containers: [{ name: 'web', env: [null, { name: 'MODELRELEASE_COLOR', value: 'red' }] }] },
    }),
    /containers "web" sets env "MODELRELEASE_COLOR" itself/,
  ],
])('%s is warned about', (_name, spec, warning) => {
  expect(specWarnings(spec)).toEqual([expect.stringMatching(warning)])
})

test.each<[string, Spec]>([
  ['a usual release', housing(1)],
  ['a text as json', asking({ json: 'a sentence' })],
  ['a number in a text', asking({ json: '12' })],
  ['labels of their own', template({ metadata: { labels: { app: 'web' } }, spec: { containers } })],
])('%s is not', (_name, spec) => expect(specWarnings(spec)).toEqual([]))
