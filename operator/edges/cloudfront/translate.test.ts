import { describe, expect, test } from '@jest/globals'
import { translate } from './translate.ts'
import { ConflictError, RefusedError, TransientError } from '../errors.ts'

const attempted = { operation: 'UpdateDistribution', distributionId: 'E123EXAMPLE' } as const

function foreign(name: string, status?: number, code?: string): Error {
  return Object.assign(new Error('some words'), {
    name,
    ...(code ? { code } : {}),
    $metadata: status ? { httpStatusCode: status } : {},
  })
}

describe('an error of CloudFront', () => {
  test.each([
    ['PreconditionFailed', 412],
    ['InvalidIfMatchVersion', 400],
    ['SomethingElse', 412],
  ])('is a conflict: %s %p', (name, status) => {
    expect(translate(foreign(name, status), attempted)).toBeInstanceOf(ConflictError)
  })

  test.each<[string, number | undefined, string | undefined]>([
    ['Throttling', 400, undefined],
    ['ThrottlingException', 400, undefined],
    ['TooManyRequests', 429, undefined],
    ['Unknown', 429, undefined],
    ['ServiceUnavailable', 503, undefined],
    ['Unknown', 500, undefined],
    ['SyntaxError', 200, undefined],
    ['TimeoutError', undefined, 'ETIMEDOUT'],
    ['AbortError', undefined, undefined],
    ['Error', undefined, 'ECONNRESET'],
    ['ExpiredToken', 403, undefined],
    ['CredentialsProviderError', undefined, undefined],
  ])('is transient: %s %p %p', (name, status, code) => {
    const error = translate(foreign(name, status, code), attempted)
    expect(error).toBeInstanceOf(TransientError)
    expect(error).toMatchObject({
      message: `UpdateDistribution of distribution E123EXAMPLE: ${name}: some words`,
    })
  })

  test.each([
    ['NoSuchDistribution', 404, 'DistributionNotFound', 'distributionId "E123EXAMPLE"'],
    [
      'AccessDenied',
      403,
      'AccessDenied',
      'cloudfront:UpdateDistribution on arn:aws:cloudfront::*:distribution/E123EXAMPLE',
    ],
    ['SignatureDoesNotMatch', 403, 'AccessDenied', 'credentials'],
    ['Unknown', 403, 'AccessDenied', 'credentials'],
    ['NoSuchOrigin', 404, 'InvalidSpec', 'NoSuchOrigin: some words'],
    ['IllegalUpdate', 400, 'InvalidSpec', 'IllegalUpdate: some words'],
    ['InvalidArgument', 400, 'InvalidSpec', 'InvalidArgument: some words'],
  ])('is a refusal: %s %p', (name, status, reason, words) => {
    const cause = foreign(name, status)
    const error = translate(cause, attempted)
    expect(error).toBeInstanceOf(RefusedError)
    expect(error).toMatchObject({ reason, cause, message: expect.stringContaining(words) as unknown })
  })

  test.each([new TypeError('a mistake of ours'), new ConflictError('ours already'), undefined, 'a string'])(
    'comes back as it is when it is none: %p',
    (error) => {
      expect(translate(error, attempted)).toBe(error)
    },
  )

  test('is told in one short line', () => {
    const long = Object.assign(foreign('IllegalUpdate', 400), { message: 'a\n\tb'.repeat(500) })
    const { message } = translate(long, attempted) as Error
    expect(message.length).toBeLessThanOrEqual(300)
    expect(message).not.toMatch(/[\n\t]/)
  })
})
