/** CloudFront's errors in our words. */
import type { Called } from '../called.ts'
import { translate as translateAws, type ErrorMap } from '../errors.ts'

/** What was tried: the API operation, which is also the name of its IAM action, on which distribution or function. */
export type Attempted =
  | { operation: 'GetDistribution' | 'UpdateDistribution' | 'CreateInvalidation'; distributionId: string }
  | { operation: 'DescribeFunction' | 'GetFunction' | 'TestFunction'; functionArn: string }

const CONFLICTS = /^(PreconditionFailed|InvalidIfMatchVersion)$/

/** As `translate` of aws/errors.ts; what does not exist is DistributionNotFound or FunctionNotAssociated. */
export function translate(error: unknown, attempted: Attempted): unknown {
  return 'distributionId' in attempted
    ? translateAws(error, calledOn(attempted), dialectOf(attempted.distributionId))
    : translateAws(error, calledOnFunction(attempted), FUNCTIONS)
}

function calledOn({ operation, distributionId }: Extract<Attempted, { distributionId: string }>): Called {
  return {
    action: `cloudfront:${operation}`,
    subject: `distribution ${distributionId}`,
    arn: `arn:aws:cloudfront::*:distribution/${distributionId}`,
    ...(operation === 'UpdateDistribution' ? { advice: AS_IT_STANDS } : {}),
  }
}

/** All else that an update has in it is what the distribution had before. */
const AS_IT_STANDS =
  'AWS refuses the distribution as it stands, of which the operator changes nothing but the target of its behaviors: correct it there'

/** Which member of the spec names the distribution, only the reader knows. */
function dialectOf(id: string): ErrorMap {
  const message = `distributionId "${id}" does not exist in the account of the operator's credentials: correct the field or the credentials`
  return {
    conflicts: CONFLICTS,
    notFound: /^NoSuchDistribution$/,
    missing: { reason: 'DistributionNotFound', message },
  }
}

function calledOnFunction({
  operation,
  functionArn: arn,
}: Extract<Attempted, { functionArn: string }>): Called {
  return { action: `cloudfront:${operation}`, subject: `function ${arn}`, arn }
}

const FUNCTIONS: ErrorMap = {
  conflicts: CONFLICTS,
  notFound: /^NoSuchFunctionExists$/,
  missing: { reason: 'FunctionNotAssociated', message: 'the function was never published' },
}
