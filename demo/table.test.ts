import { describe, expect, test } from '@jest/globals'
import { stripVTControlCharacters } from 'node:util'
import { renderTable } from './table.ts'
import type { ReleaseRow } from './table.ts'

const row = (changes: Partial<ReleaseRow> = {}): ReleaseRow => ({
  release: '2 gradient boosting',
  outcome: 'Promoted',
  phases: { build: 4210, switch: 312 },
  requests: 1234,
  failures: 0,
  longestGapMs: 23.6,
  ...changes,
})
const phases = ['build', 'gates', 'switch']
const render = (rows: ReleaseRow[], style: 'plain' | 'color' = 'plain'): string =>
  renderTable({ phases, rows, style })

describe('the final table', () => {
  test('one line per release, durations in seconds, gaps in milliseconds', () => {
    const lines = render([row()]).split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[2]?.split(/ {2,}/)).toEqual([
      '2 gradient boosting',
      'Promoted',
      '4.2 s',
      '-',
      '0.3 s',
      '1234',
      '0',
      '24 ms',
    ])
  })

  test('has the same widths whatever it says', () => {
    const long = row({ release: 'x'.repeat(100), requests: 7, failures: 123, longestGapMs: 12_345 })
    const lines = render([row(), long]).split('\n')
    expect(new Set(lines.map((line) => line.length)).size).toBe(1)
    expect(lines[3]).toContain('x…  ')
  })

  test('is plain unless color is asked for', () => {
    expect(render([row()])).toBe(stripVTControlCharacters(render([row()])))
  })

  test('color marks failures and changes no width', () => {
    const rows = [row(), row({ failures: 3 })]
    const colored = render(rows, 'color')
    expect(colored).toContain('\u001b[32m     0\u001b[0m')
    expect(colored).toContain('\u001b[31m     3\u001b[0m')
    expect(stripVTControlCharacters(colored)).toBe(render(rows))
  })
})
