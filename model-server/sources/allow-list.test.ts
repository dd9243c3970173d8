import { describe, expect, test } from '@jest/globals'
import { isAllowed, parseAllowedPrefix } from './allow-list.ts'
import { parseLocation } from './location.ts'

function allows(prefix: string, uri: string): boolean {
  return isAllowed(parseLocation(uri, '/base'), [parseAllowedPrefix(prefix, '/base')])
}

describe('allowed', () => {
  test.each([
    ['/models', '/models/a/1.onnx'],
    ['/models/', 'file:///models/a.onnx'],
    ['/', '/models/a.onnx'],
    ['models', 'models/a.onnx'],
    ['/models/a.onnx', '/models/a.onnx'],
    ['https://store', 'https://store/a.onnx'],
    ['https://store/models', 'HTTPS://STORE:443/models/a.onnx?signature=x'],
    ['s3://models', 's3://models/a.onnx'],
    ['s3://models/a.onnx', 's3://models/a.onnx?versionId=1'],
    ['mlflow:/models:/', 'mlflow:/models:/housing/1'],
    ['mlflow:/models:/housing', 'mlflow:/models:/housing@champion'],
  ])('below %s: %s', (prefix, uri) => {
    expect(allows(prefix, uri)).toBe(true)
  })
})

describe('not allowed', () => {
  test.each([
    ['/models', '/models-of-others/a.onnx'],
    ['/models', '/models/../etc/a.onnx'],
    ['/models', 'file:///models/%2e%2e/etc/a.onnx'],
    ['/models', 'https://store/models/a.onnx'],
    ['https://store', 'https://store.example/a.onnx'],
    ['https://store', 'https://store:8443/a.onnx'],
    ['https://store/models/', 'http://store/models/a.onnx'],
    ['https://store/models/', 'https://store/models/../a.onnx'],
    ['https://store/models/', 'https://store/models/%2e%2e/a.onnx'],
    ['https://store/models/', 'https://store/models/..%2fa.onnx'],
    ['s3://models/housing', 's3://models/housing-2/a.onnx'],
    ['s3://models/housing/', 's3://models/housing/../a.onnx'],
    ['s3://models/housing/', 's3://models/housing/..%2fa.onnx'],
    ['mlflow:/models:/housing', 'mlflow:/models:/housing2/1'],
  ])('with %s: %s', (prefix, uri) => {
    expect(allows(prefix, uri)).toBe(false)
  })

  test('where the list is empty', () => {
    expect(isAllowed(parseLocation('/models/a.onnx', '/'), [])).toBe(false)
  })
})

test.each([
  ['gs://models', 'expected a folder'],
  ['https://store/?x=1', 'expected a folder'],
  ['https://me:hunter2@store/', 'must not hold a user name or password'],
  ['mlflow:/runs:/', 'expected mlflow:/models:/'],
])('%s is no prefix', (text, problem) => {
  expect(() => parseAllowedPrefix(text, '/')).toThrow(problem)
})
