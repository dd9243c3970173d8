import { expect, test } from '@jest/globals'
import { coversPath } from './path-pattern.ts'

test.each<[string, string, boolean]>([
  ['*', '/anything/at/all', true],
  ['*', '/', true],
  ['/v2/*', '/v2/models/housing/infer', true],
  ['/v2/*', '/v2/', true],
  ['/v2/*', '/v2', false],
  ['/v2/*', '/V2/models', false],
  ['v2/*', '/v2/models', true],
  ['*.onnx', '/models/7/model.onnx', true],
  ['*.onnx', '/models/7/modelXonnx', false],
  ['*.onnx', '/a.onnx/b.onnx', true],
  ['/model?.onnx', '/model7.onnx', true],
  ['/model?.onnx', '/model.onnx', false],
  ['/model?.onnx', '/model77.onnx', false],
  ['/a/*/c', '/a/b/c/b/c', true],
  ['/a/*/c', '/a/b/c/b', false],
  ['/a**b', '/ab', true],
  ['/*?', '/', false],
  ['/a+(b)', '/a+(b)', true],
  ['/predict', '/predict/more', false],
  ['/predict', '/predic', false],
])('%s on %s: %s', (pattern, path, covers) => expect(coversPath(pattern, path)).toBe(covers))

// An expression made of the first of these takes longer than the age of the universe; no clock is needed to see it here.
test.each([
  ['stars between the same letters', `/${'*a'.repeat(127)}b`, `/${'a'.repeat(2047)}`],
  ['stars and single characters', `/${'*?'.repeat(126)}b`, `/${'x'.repeat(2047)}`],
  ['nothing but stars', `/${'*'.repeat(253)}b`, `/${'x'.repeat(2047)}`],
  ['words that nearly fit', `/${'*ab'.repeat(84)}`, `/${'ab'.repeat(83)}${'a'.repeat(1880)}`],
])('a pattern of %s is decided at once', (_name, pattern, path) => {
  expect(coversPath(pattern, path)).toBe(false)
})
