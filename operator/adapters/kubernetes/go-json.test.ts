import { expect, test } from '@jest/globals'
import { goJson } from './go-json.ts'

/** What Go 1.24 makes of the same: `json.Unmarshal` into a map[string]any, then `json.Marshal`. */
const cases: Record<string, [written: string, encoded: string]> = {
  'keys are sorted at every depth': [
    '{"b":{"d":1,"c":[{"z":1,"y":2}]},"a":2}',
    '{"a":2,"b":{"c":[{"y":2,"z":1}],"d":1}}',
  ],
  'keys that look like numbers are sorted as text': ['{"9":1,"10":2,"a":3}', '{"10":2,"9":1,"a":3}'],
  'keys are sorted by their bytes': ['{"\u{1f600}":1,"\uff5e":2}', '{"\uff5e":2,"\u{1f600}":1}'],
  'what HTML reads is escaped, in keys too': [
    '{"<k>":"<b id=\\"v\\">a & b</b>"}',
    '{"\\u003ck\\u003e":"\\u003cb id=\\"v\\"\\u003ea \\u0026 b\\u003c/b\\u003e"}',
  ],
  'line separators are escaped': ['["a\u2028b\u2029c"]', '["a\\u2028b\\u2029c"]'],
  'an escape that somebody wrote stays': ['["\\\\u003c <"]', '["\\\\u003c \\u003c"]'],
  'half a pair is no character': ['["\\ud83d"]', '["\ufffd"]'],
  'numbers have their shortest form': [
    '[1.0,0.10,1e3,1e21,1e-7,0.000001,-0.0]',
    '[1,0.1,1000,1e+21,1e-7,0.000001,0]',
  ],
  'null and what is empty stay': ['{"a":null,"b":{},"c":[],"d":""}', '{"a":null,"b":{},"c":[],"d":""}'],
}

test.each(Object.entries(cases))('%s', (_name, [written, encoded]) => {
  expect(goJson(JSON.parse(written))).toBe(encoded)
})

test('what is undefined is left out', () => {
  expect(goJson({ b: undefined, a: [undefined] })).toBe('{"a":[null]}')
})
