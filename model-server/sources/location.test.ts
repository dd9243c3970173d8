import { describe, expect, test } from '@jest/globals'
import { describeLocation, parseLocation } from './location.ts'
import type { ModelLocation } from './location.ts'

describe('a location has one text', () => {
  test.each<[string, ModelLocation, string]>([
    ['models/a.onnx', { type: 'File', path: '/base/models/a.onnx' }, '/base/models/a.onnx'],
    ['file:///models/a%20b.onnx', { type: 'File', path: '/models/a b.onnx' }, '/models/a b.onnx'],
    ['http://store/a.onnx', { type: 'Http', url: new URL('http://store/a.onnx') }, 'http://store/a.onnx'],
    [
      'https://store/a.onnx?signature=x',
      { type: 'Http', url: new URL('https://store/a.onnx?signature=x') },
      'https://store/a.onnx',
    ],
    [
      's3://models/a/b%20c.onnx',
      { type: 'S3', bucket: 'models', key: 'a/b c.onnx', versionId: undefined },
      's3://models/a/b c.onnx',
    ],
    [
      's3://models/a.onnx?versionId=3sL4',
      { type: 'S3', bucket: 'models', key: 'a.onnx', versionId: '3sL4' },
      's3://models/a.onnx?versionId=3sL4',
    ],
    [
      'mlflow:/models:/housing prices/12',
      { type: 'Mlflow', model: 'housing prices', at: { type: 'Version', version: '12' } },
      'mlflow:/models:/housing prices/12',
    ],
    [
      'mlflow:models:/housing@champion',
      { type: 'Mlflow', model: 'housing', at: { type: 'Alias', alias: 'champion' } },
      'mlflow:/models:/housing@champion',
    ],
  ])('%s', (text, location, described) => {
    expect(parseLocation(text, '/base')).toEqual(location)
    expect(describeLocation(location)).toBe(described)
  })
})

describe('what is refused', () => {
  test.each([
    ['http://', "'http://' is not a URL; expected a path, or a file:, http:, https:, s3: or mlflow: URL"],
    ['gs://models/a.onnx', "the scheme 'gs:' of 'gs://models/a.onnx' is not supported"],
    ['https://me:hunter2@store/a.onnx', 'must not hold a user name or password'],
    ['s3://models', 'expected s3://BUCKET/KEY'],
    ['s3://models/a.onnx?version=1', 'expected s3://BUCKET/KEY or s3://BUCKET/KEY?versionId=ID'],
    ['s3://models:9000/a.onnx', 'expected s3://BUCKET/KEY'],
    ['mlflow:/models:/housing', 'expected mlflow:/models:/NAME/VERSION or mlflow:/models:/NAME@ALIAS'],
    ['mlflow:/models:/housing/latest', 'expected mlflow:/models:/NAME/VERSION'],
    ['mlflow:/runs:/a/1', 'expected mlflow:/models:/NAME/VERSION'],
  ])('%s', (text, problem) => {
    expect(() => parseLocation(text, '/base')).toThrow(problem)
  })
})
