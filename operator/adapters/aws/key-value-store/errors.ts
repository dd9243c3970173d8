/** The errors of the data plane of key value stores in our words. */
import type { Foreign } from '../called.ts'
import { translate as translateAws } from '../errors.ts'
import { RefusedError, type ConflictError } from '../../../ports/errors.ts'

/** What was tried: the API operation, which is also the name of its IAM action, on which store. */
export type Attempted = { operation: 'DescribeKeyValueStore' | 'GetKey' | 'UpdateKeys'; storeArn: string }

// Which error a stale ETag raises is not documented: a conflict fits, and ValidationException has been seen with "Pre-Condition
// failed". What we send is valid, and the next look tells a store that is gone from one that changed.
const STALE = /^(ConflictException|ValidationException|ResourceNotFoundException)$/
const NOTHING = /(?!)/

/**
 * What a conflict means where the version has not changed since the one before: the request itself is refused. Undefined
 * for what can only be a conflict, of which the version that was read lags behind.
 */
export function refusedForGood({ cause }: ConflictError, storeArn: string): RefusedError | undefined {
  const { name = '', message = '' } = (cause ?? {}) as Foreign
  if (name === 'ConflictException') return undefined
  return new RefusedError('InvalidSpec', `UpdateKeys of key value store ${storeArn}: ${name}: ${message}`, {
    cause,
  })
}

/** As `translate` of aws/errors.ts; a store that does not exist is StoreNotFound. */
export function translate(error: unknown, { operation, storeArn }: Attempted): unknown {
  const called = {
    action: `cloudfront-keyvaluestore:${operation}`,
    subject: `key value store ${storeArn}`,
    arn: storeArn,
  }
  return translateAws(error, called, {
    conflicts: operation === 'UpdateKeys' ? STALE : NOTHING,
    notFound: /^ResourceNotFoundException$/,
    missing: {
      reason: 'StoreNotFound',
      message: `spec.traffic.cloudFrontKeyValueStore.keyValueStoreArn "${storeArn}" does not exist: correct the field or make the store`,
    },
  })
}
