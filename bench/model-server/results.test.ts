import { expect, test } from '@jest/globals'
import { mergeResults } from './results.ts'

const result = (part: string, at: string): Parameters<typeof mergeResults>[0][number] => ({
  part,
  at,
  machine: {},
  measures: [],
})

test('a part that was measured again replaces itself, in the order of the parts; one that is no more goes', () => {
  const kept = [result('memory', 'old'), result('rows', 'old'), result('gone', 'old')]
  const merged = mergeResults(kept, [result('rows', 'new')], ['rows', 'start', 'memory'])
  expect(merged.map(({ part, at }) => `${part} ${at}`)).toEqual(['rows new', 'memory old'])
})
