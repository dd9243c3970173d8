import { expect, test } from '@jest/globals'
import { pathPatternExpression } from './path-pattern.ts'

test.each([
  { pattern: '*', path: '/anything/at/all', matches: true },
  { pattern: '/v2/*', path: '/v2/models/housing/infer', matches: true },
  { pattern: '/v2/*', path: '/v2/', matches: true },
  { pattern: '/v2/*', path: '/v2', matches: false },
  { pattern: '/v2/*', path: '/V2/models', matches: false },
  { pattern: 'v2/*', path: '/v2/models', matches: true },
  { pattern: '*.onnx', path: '/models/7/model.onnx', matches: true },
  { pattern: '*.onnx', path: '/models/7/modelXonnx', matches: false },
  { pattern: '/model?.onnx', path: '/model7.onnx', matches: true },
  { pattern: '/model?.onnx', path: '/model.onnx', matches: false },
  { pattern: '/model?.onnx', path: '/model77.onnx', matches: false },
  { pattern: '/a/*/c', path: '/a/b/b/c', matches: true },
  { pattern: '/a/*/c/*/d', path: '/a/b/c/c/d/d', matches: true },
  { pattern: '/*1*2', path: '/1222', matches: true },
  { pattern: '/*1*2', path: '/2221', matches: false },
  { pattern: `/${'*a'.repeat(127)}b`, path: `/${'a'.repeat(2047)}`, matches: false },
  { pattern: '/a+(b)', path: '/a+(b)', matches: true },
  { pattern: '/predict', path: '/predict/more', matches: false },
])('$pattern on $path: $matches', ({ pattern, path, matches }) => {
  expect(pathPatternExpression(pattern).test(path)).toBe(matches)
})
