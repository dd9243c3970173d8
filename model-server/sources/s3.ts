/** Objects of S3 and of stores that speak like it. The only user of the SDK, which is loaded when the first object is asked for. */
import type { GetObjectCommandInput, S3ServiceException } from '@aws-sdk/client-s3'
import type { S3Config } from '../config/sources-config.ts'
import { collect } from './collect.ts'
import type { ModelLocation } from './location.ts'
import { watchSilence } from './silence.ts'
import type { FetchLimits } from './fetched-model.ts'
import { storeError } from './fetched-model.ts'

/** One object. */
export type S3Object = Extract<ModelLocation, { type: 'S3' }>

/**
 * The bytes of an object. Endpoint and credentials are what the SDK finds in its usual places.
 * @throws ModelRefused where they are too many; anything else thrown may pass
 */
export async function fetchObject(
  { bucket, key, versionId }: S3Object,
  { maxBytes, signal }: FetchLimits,
  { forcePathStyle, region }: S3Config,
): Promise<Buffer> {
  const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client({
    forcePathStyle,
    // Trying again is the business of whoever asked; it tells why while it waits.
    maxAttempts: 1,
    followRegionRedirects: true,
    ...(region === undefined ? {} : { region }),
  })
  const silence = watchSilence(signal, `the store of bucket ${bucket}`)
  try {
    const input: GetObjectCommandInput = { Bucket: bucket, Key: key, VersionId: versionId }
    const { Body } = await client.send(new GetObjectCommand(input), { abortSignal: silence.signal })
    if (!Body) throw new Error('the store answered without a body')
    // On Node it is a stream, whatever else it may be elsewhere.
    return await collect(Body as AsyncIterable<Uint8Array>, maxBytes, silence.heard)
  } catch (error) {
    throw named(error as Error, silence.signal)
  } finally {
    silence.end()
    client.destroy()
  }
}

function named(error: Error, signal: AbortSignal): Error {
  // The SDK says only that it was aborted.
  if (signal.aborted && signal.reason instanceof Error) return signal.reason
  if (error.message.startsWith('Region is missing')) {
    return new Error('no region; set AWS_REGION, for a store that is not of AWS to us-east-1', {
      cause: error,
    })
  }
  const status = (error as Partial<S3ServiceException>).$metadata?.httpStatusCode
  if (status === undefined) return error
  return storeError(status, `the store answered ${status} ${error.name}: ${error.message}`, { cause: error })
}
