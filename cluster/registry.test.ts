import { expect, test } from '@jest/globals'
import { namesIn } from './registry.ts'

test.each([
  ['10.0.0.1:5000', 'modelrelease/operator:dev', '10.0.0.1:5000/modelrelease/operator', 'dev'],
  [
    'registry.example.com/team/a',
    'modelrelease/operator:dev',
    'registry.example.com/team/a/modelrelease/operator',
    'dev',
  ],
  ['registry.example.com', 'plain', 'registry.example.com/library/plain', 'latest'],
  ['registry.example.com:443/x', 'other.example.com:5000/a/b:1', 'registry.example.com:443/x/a/b', '1'],
])('in %s, %s is %s', (prefix, tag, repository, version) => {
  expect(namesIn({ prefix }, tag)).toEqual({
    repository,
    target: `${repository}:${version}`,
  })
})
