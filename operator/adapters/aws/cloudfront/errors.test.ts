import { describe, expect, test } from '@jest/globals'
import { translate } from './errors.ts'
import { ConflictError, RefusedError, TransientError } from '../../../ports/errors.ts'

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

  test('is told in one line that a condition has room for', () => {
    const long = Object.assign(foreign('IllegalUpdate', 400), { message: 'a\n\tb '.repeat(500) })
    const { message } = translate(long, attempted) as Error
    expect(message.length).toBeLessThanOrEqual(900)
    expect(message).not.toMatch(/[\n\t]/)
    expect(message).toContain('AWS refuses the distribution as it stands')
  })
})

/** AWS's own texts, from its documentation and from public reports (terraform-provider-aws#3622, aws-cdk#33297, aws-cdk#1474). */
const WHO =
  'User: arn:aws:sts::123456789012:assumed-role/modelrelease-operator/aws-go-sdk-1764322000000000000'
const EDGE_FUNCTION = 'arn:aws:lambda:us-east-1:123456789012:function:viewer-request-auth:7'
const DISTRIBUTION = 'arn:aws:cloudfront::123456789012:distribution/E123EXAMPLE'

describe('a refusal tells first what its own text names:', () => {
  test.each<[string, string, number, string, string]>([
    [
      'Lambda@Edge',
      'AccessDenied',
      403,
      `${WHO} is not authorized to perform: lambda:EnableReplication* on resource: ${EDGE_FUNCTION} because no identity-based policy allows the lambda:EnableReplication* action`,
      `the operator's credentials need the IAM action lambda:EnableReplication* on ${EDGE_FUNCTION} (`,
    ],
    [
      'the bucket of the logs',
      'AccessDenied',
      403,
      "You don't have permission to access the S3 bucket for CloudFront logs: my-company-cloudfront-access-logs.s3.amazonaws.com If you're using IAM, you need s3:GetBucketAcl and s3:PutBucketAcl permissions to create a distribution or to update log settings for an existing distribution. In addition, the S3 ACL for the bucket must grant you FULL_CONTROL.",
      "the operator's credentials need the IAM actions s3:GetBucketAcl and s3:PutBucketAcl (",
    ],
    [
      'an account that is not verified',
      'AccessDenied',
      403,
      'Your account must be verified before you can add or update CloudFront resources. To verify your account, please contact AWS Support (https://console.aws.amazon.com/support/home#/) and include this error message.',
      'UpdateDistribution of distribution E123EXAMPLE: AccessDenied: Your account must be verified',
    ],
    [
      'an account that is not signed up',
      'OptInRequired',
      403,
      'The AWS Access Key Id needs a subscription for the service',
      'UpdateDistribution of distribution E123EXAMPLE: OptInRequired: The AWS Access Key Id needs',
    ],
    [
      'a key',
      'AccessDenied',
      403,
      `${WHO} is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext because no resource-based policy allows the kms:Decrypt action`,
      "the operator's credentials need the IAM action kms:Decrypt (",
    ],
    [
      'a web ACL',
      'AccessDenied',
      403,
      `${WHO} is not authorized to perform: wafv2:GetWebACL on resource: arn:aws:wafv2:us-east-1:123456789012:global/webacl/main/a1b2`,
      "the operator's credentials need the IAM action wafv2:GetWebACL on arn:aws:wafv2:us-east-1:123456789012:global/webacl/main/a1b2 (",
    ],
    [
      'our own action on its resource',
      'AccessDenied',
      403,
      `${WHO} is not authorized to perform: cloudfront:UpdateDistribution on resource: ${DISTRIBUTION}`,
      `the operator's credentials need the IAM action cloudfront:UpdateDistribution on ${DISTRIBUTION} (`,
    ],
    [
      'an explicit deny',
      'AccessDenied',
      403,
      `${WHO} is not authorized to perform: cloudfront:UpdateDistribution on resource: ${DISTRIBUTION} with an explicit deny in a service control policy`,
      `an explicit deny in a service control policy takes the IAM action cloudfront:UpdateDistribution on ${DISTRIBUTION} from the operator's credentials: have it lifted (`,
    ],
    [
      'a permission, whatever the code',
      'InvalidLambdaFunctionAssociation',
      400,
      `Lambda@Edge cannot retrieve the specified Lambda function. Update the IAM policy to add permission: lambda:GetFunction for resource: ${EDGE_FUNCTION} and try again.`,
      "the operator's credentials need the IAM action lambda:GetFunction",
    ],
    [
      'nothing, so that our own action is meant',
      'AccessDenied',
      403,
      'Access denied',
      "the operator's credentials need the IAM action cloudfront:UpdateDistribution on arn:aws:cloudfront::*:distribution/E123EXAMPLE (",
    ],
    [
      'credentials that are none',
      'InvalidClientTokenId',
      403,
      'The security token included in the request is invalid.',
      "AWS does not accept the operator's credentials: check them",
    ],
  ])('%s', (_what, name, status, text, first) => {
    const cause = Object.assign(foreign(name, status), { message: text })
    const error = translate(cause, attempted) as RefusedError
    expect(error).toMatchObject({ constructor: RefusedError, reason: 'AccessDenied' })
    expect(error.message).toContain(text)
    expect(error.message.slice(0, first.length)).toBe(first)
    if (!first.includes('cloudfront:')) expect(error.message).not.toContain('cloudfront:UpdateDistribution')
  })

  test.each([
    ['RealtimeLogConfigOwnerMismatch', 401, 'belongs to a different Amazon Web Services account.'],
    [
      'InvalidViewerCertificate',
      400,
      "The specified SSL certificate doesn't exist, isn't in us-east-1 region",
    ],
    ['IllegalUpdate', 400, 'One or more fields updated are not supported for continuous deployment.'],
  ])('%s speaks of the distribution, and of no permission', (name, status, text) => {
    const error = translate(Object.assign(foreign(name, status), { message: text }), attempted)
    expect(error).toMatchObject({
      reason: 'InvalidSpec',
      message: expect.stringContaining('correct it there') as unknown,
    })
    expect((error as Error).message).not.toContain('IAM')
  })

  test('action and resource whole, however long the rest is', () => {
    const text = `${WHO} is not authorized to perform: lambda:EnableReplication* on resource: ${EDGE_FUNCTION} ${'because no policy allows it '.repeat(60)}`
    const { message } = translate(
      Object.assign(foreign('AccessDenied', 403), { message: text }),
      attempted,
    ) as Error
    expect(message).toContain(`lambda:EnableReplication* on ${EDGE_FUNCTION} (`)
    expect(message).toMatch(/(because|no|policy|allows|it)…\)$/)
    expect(message.length).toBeLessThanOrEqual(1024)
  })
})
