import { expect, test } from '@jest/globals'
import type { Look } from './client.ts'
import { routedTo } from './reading.ts'
import { Routes } from './routes.ts'

test('a behavior leads to its origin, or to every member of its group, which is told', () => {
  const behaviors = [
    { pathPattern: '*', target: 'housing-blue' },
    { pathPattern: '/ui/*', target: 'either' },
  ]
  const groups = [{ id: 'either', members: ['housing-green', 'old-fleet'] }]
  const look = { fetched: { document: { behaviors, groups } }, routes: new Routes() } as unknown as Look
  expect(routedTo(look, '*')).toEqual([{ part: '*', names: 'housing-blue' }])
  expect(routedTo(look, '/ui/*')).toEqual([
    { part: '/ui/*', names: 'housing-green', group: 'either' },
    { part: '/ui/*', names: 'old-fleet', group: 'either' },
  ])
})
