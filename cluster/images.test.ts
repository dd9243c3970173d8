import { describe, expect, test } from '@jest/globals'
import { isPresent, referenceOf } from './images.ts'

test.each([
  { tag: 'modelrelease/operator:dev', reference: 'docker.io/modelrelease/operator:dev' },
  { tag: 'node:24-bookworm-slim', reference: 'docker.io/library/node:24-bookworm-slim' },
  { tag: 'operator', reference: 'docker.io/library/operator:latest' },
  { tag: 'registry.test:5000/a/b', reference: 'registry.test:5000/a/b:latest' },
  { tag: 'localhost/a:1', reference: 'localhost/a:1' },
])('a pod that says $tag asks for $reference', ({ tag, reference }) =>
  expect(referenceOf(tag)).toBe(reference),
)

describe('isPresent', () => {
  const listing = [
    'REF                  TYPE            DIGEST          SIZE',
    'docker.io/a/b:1      application/x   sha256:m1       1 MiB',
    'docker.io/a/c:1      application/x   sha256:m2       1 MiB',
    'sha256:id1           application/x   sha256:m1       1 MiB',
  ].join('\n')

  test.each([
    { name: 'docker.io/a/b:1', id: 'sha256:id1', expected: true },
    { name: 'docker.io/a/c:1', id: 'sha256:id1', expected: false },
    { name: 'docker.io/a/c:1', id: 'sha256:id2', expected: false },
    { name: 'docker.io/a/d:1', id: 'sha256:id2', expected: false },
  ])('$name as $id: $expected', ({ name, id, expected }) =>
    expect(isPresent(listing, name, id)).toBe(expected),
  )
})
