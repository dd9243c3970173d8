/** The data plane of key value stores as far as it is used: another service than CloudFront, with another SDK. */
import type {
  CloudFrontKeyValueStoreClient,
  CloudFrontKeyValueStoreClientConfig,
} from '@aws-sdk/client-cloudfront-keyvaluestore'
import { CLIENT_DEFAULTS, createCaller, guardWrite, notePeers, type AwsOptions } from '../calls.ts'
import type { Version } from '../versions.ts'
import { TransientError } from '../../../ports/errors.ts'
import { translate, type Attempted } from './errors.ts'

export type KeyValueStoreOptions = AwsOptions & {
  /**
   * Where the calls go instead of `<account>.cloudfront-kvs.global.api.aws`, as it stands: the SDK's own setting puts the
   * account's number before the host, which makes no name of an address.
   */
  endpoint?: string | undefined
  client?: Pick<CloudFrontKeyValueStoreClientConfig, 'credentials'>
}

/** Throws ConflictError (another ETag), TransientError (throttled, 5xx, no answer: a write may or may not have happened), RefusedError. */
export interface KeyValueStoreApi {
  /** The ETag of the store, which versions all of its keys at once, and when it was changed last. */
  describe(storeArn: string): Promise<Version>
  /** The value of a key; undefined where there is none. */
  get(storeArn: string, key: string): Promise<string | undefined>
  /** Writes the value, or deletes the key where it is undefined, if the store is still at `etag`; gives the ETag that it made. */
  update(storeArn: string, etag: string, change: KeyChange): Promise<string | undefined>
}

export type KeyChange = { key: string; value: string | undefined }

type Sdk = typeof import('@aws-sdk/client-cloudfront-keyvaluestore')
type Connection = { sdk: Sdk; client: CloudFrontKeyValueStoreClient }

/** One client for one identity; the SDK is only loaded when a release has a key. */
export function createKeyValueStoreApi(options: KeyValueStoreOptions): KeyValueStoreApi {
  const { mayWrite, requestTimeoutMs } = options
  const call = createCaller<Connection, Attempted>({
    open: () => open(options),
    understood: translate,
    requestTimeoutMs,
  })
  return {
    describe: (storeArn) =>
      call({ operation: 'DescribeKeyValueStore', storeArn }, async ({ sdk, client }, signal) => {
        const command = new sdk.DescribeKeyValueStoreCommand({ KvsARN: storeArn })
        const { ETag, LastModified } = await client.send(command, { abortSignal: signal })
        if (!ETag) throw new TransientError(`DescribeKeyValueStore of ${storeArn}: the answer has no ETag`)
        return { etag: ETag, changedAt: LastModified?.getTime() }
      }),
    get: (storeArn, key) =>
      call({ operation: 'GetKey', storeArn }, async ({ sdk, client }, signal) => {
        const command = new sdk.GetKeyCommand({ KvsARN: storeArn, Key: key })
        try {
          return (await client.send(command, { abortSignal: signal })).Value
        } catch (error) {
          // The store is there, since it was just described.
          if (error instanceof sdk.ResourceNotFoundException) return undefined
          throw error
        }
      }),
    update: (storeArn, etag, { key, value }) =>
      call({ operation: 'UpdateKeys', storeArn }, async ({ sdk, client }, signal) => {
        const command = new sdk.UpdateKeysCommand({
          KvsARN: storeArn,
          IfMatch: etag,
          ...(value === undefined ? { Deletes: [{ Key: key }] } : { Puts: [{ Key: key, Value: value }] }),
        })
        const allowed = guardWrite(command, mayWrite)
        return (await client.send(command, { abortSignal: signal }).catch(allowed)).ETag
      }),
  }
}

async function open({ region, endpoint, client }: KeyValueStoreOptions): Promise<Connection> {
  const [sdk] = await Promise.all([
    import('@aws-sdk/client-cloudfront-keyvaluestore'),
    // Registers itself as the signer of SigV4A, without which the service takes no request.
    import('@aws-sdk/signature-v4a'),
  ])
  const configuration = { region, ...CLIENT_DEFAULTS, ...client }
  const opened = new sdk.CloudFrontKeyValueStoreClient({ ...configuration, ...at(endpoint) })
  notePeers(opened)
  return { sdk, client: opened }
}

/** The SDK's own resolver of endpoints, replaced. */
function at(endpoint: string | undefined): object {
  if (endpoint === undefined) return {}
  const authSchemes = [{ name: 'sigv4a', signingName: 'cloudfront-keyvaluestore', signingRegionSet: ['*'] }]
  return { endpointProvider: () => ({ url: new URL(endpoint), properties: { authSchemes } }) }
}
