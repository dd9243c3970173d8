import { describe, expect, test } from '@jest/globals'
import { isMet, missedBy } from './measure.ts'
import { replaceResults, resultsAsMarkdown, shown } from './report.ts'

const ratio = { name: 'throughput', unit: '', values: [0.7, 0.9, 0.8] }

describe('a target', () => {
  test.each([
    ['of at least is met by its equal', { least: 0.8 }, true, 0],
    ['of at least is missed by less', { least: 1 }, false, 0.2],
    ['of at most is met by its equal', { most: 0.8 }, true, 0],
    ['of at most is missed by more', { most: 0.4 }, false, 1],
  ])('%s', (_, target, met, by) => {
    expect(isMet({ ...ratio, target })).toBe(met)
    expect(missedBy({ ...ratio, target })).toBeCloseTo(by)
  })

  test('that nobody set is neither met nor missed', () => {
    expect(isMet(ratio)).toBeUndefined()
  })
})

test('numbers have three digits that count', () => {
  expect([0, 0.01234, 1.2345, 12.345, 12_345.6].map(shown)).toEqual(['0', '0.0123', '1.23', '12.3', '12,346'])
})

test('a table, its machine, and what was missed', () => {
  const result = {
    part: 'rows',
    at: '2026-11-21T10:11:12.000Z',
    machine: { Node: '24.21.0' },
    measures: [
      { ...ratio, target: { least: 1 }, note: 'of express' },
      { name: 'size', unit: 'MiB', values: [12] },
    ],
  }
  expect(resultsAsMarkdown([result], { rows: 'One row' })).toBe(`### One row

| | median | rounds | target | |
| --- | --- | --- | --- | --- |
| throughput | 0.8 | 0.7 – 0.9 | at least 1: **missed** | of express |
| size | 12 MiB |  |  |  |

2026-11-21 10:11 UTC; Node 24.21.0.

### Targets missed

- One row, throughput: 0.8 instead of at least 1, 20 % off`)
})

test('results replace results and nothing else', () => {
  const document = replaceResults(
    'before\n<!-- results: written by bench/model-server/run.ts --write -->\nold\n<!-- end of results -->\nafter\n',
    'new',
  )
  expect(document).toBe(
    'before\n<!-- results: written by bench/model-server/run.ts --write -->\n\nnew\n\n<!-- end of results -->\nafter\n',
  )
})

test('a document without a place for results is not touched', () => {
  expect(() => replaceResults('nothing here', 'new')).toThrow('has no')
})
