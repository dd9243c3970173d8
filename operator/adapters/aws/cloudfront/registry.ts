/** What everybody who uses distributions shares: a client for each identity, a keeper for each distribution. */
import type { STSClientConfig } from '@aws-sdk/client-sts'
import { roleFor, type AllowList, type Role } from '../../../planner/checks/allow-list.ts'
import type { Clock } from '../../../controller/clock.ts'
import { Kept } from '../bounded-map.ts'
import { CachedReader, type Freshness } from '../cached-reader.ts'
import { Replaced } from '../versions.ts'
import { ConflictError, RefusedError, TransientError } from '../../../ports/errors.ts'
import {
  createCloudFrontApi,
  type CloudFrontApi,
  type CloudFrontOptions,
  type PublishedFunction,
} from './api.ts'
import { assumeRole, type AssumedIdentity } from '../assume-role.ts'
import { DistributionKeeper } from './client.ts'

export type DistributionsOptions = CloudFrontOptions & {
  /** Which releases may use which distribution, and as whom; without it all may, as the operator itself. */
  allowList?: AllowList
  /** Distance that forward moves of one distribution keep, in milliseconds. Default 30 s. */
  spacingMs?: number | undefined
  /** What the client that takes on roles is to be made with. */
  sts?: STSClientConfig
}

export type EdgeFunction = PublishedFunction & {
  /** Its source, where it may be read. */
  code?: string
  /** What TestFunction says that it fails with. */
  failure?: string
  /** Why it was not tested: the permission is missing. */
  untested?: string
}

/** Functions are only read. */
const NOTHING_REPLACED = new Replaced()

/** Where a function runs, and for which request. */
export type FunctionUse = { distributionId: string; event: object }

export class Distributions {
  readonly #options: DistributionsOptions
  readonly #clock: Clock
  readonly #apis = new Map<string, CloudFrontApi>()
  readonly #keepers: Kept<DistributionKeeper>
  readonly #functions: Kept<CachedReader<EdgeFunction>>

  constructor(options: DistributionsOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#keepers = new Kept(clock)
    this.#functions = new Kept(clock)
  }

  /** The one reader and writer of a distribution. */
  keeperOf(id: string): DistributionKeeper {
    const { spacingMs } = this.#options
    return this.#keepers.of(id, () => new DistributionKeeper(id, this.#apiFor(id), this.#clock, spacingMs))
  }

  /** A function of a distribution, as it runs at the edges, and what becomes of `event` in it. Throws as `Reader.look`. */
  async functionOf(functionArn: string, of: FunctionUse, freshness: Freshness): Promise<EdgeFunction> {
    const { distributionId, event } = of
    const reader = this.#functions.of(
      `${distributionId} ${functionArn} ${JSON.stringify(event)}`,
      () =>
        new CachedReader({
          name: `function ${functionArn}`,
          fetch: fetcherOf(this.#apiFor(distributionId), functionArn, event),
          older: (found, last) => NOTHING_REPLACED.older(found, last),
          clock: this.#clock,
        }),
    )
    return (await reader.look(freshness)).value
  }

  #apiFor(distributionId: string): CloudFrontApi {
    const { allowList, region, sts, client } = this.#options
    const role = roleFor(allowList, distributionId)
    const credentials = credentialsOf(role, { region, ...sts })
    const identity = identityOf(role)
    const api =
      this.#apis.get(identity) ??
      createCloudFrontApi({ ...this.#options, client: { ...client, ...credentials } })
    this.#apis.set(identity, api)
    return api
  }
}

/** Reads the source, and tests, only what was published anew: nothing depends on whether the source may be read. */
function fetcherOf(api: CloudFrontApi, arn: string, event: object): () => Promise<EdgeFunction> {
  let source: { etag: string; code?: string } | undefined
  let test: ({ etag: string } & Tested) | undefined
  return async () => {
    const found = await api.describeFunction(arn)
    const { etag } = found
    if (test?.etag !== etag) test = { etag, ...(await tested(api, found, { arn, event })) }
    if (source?.etag !== etag) source = await sourced(api, arn, etag)
    return { ...found, ...source, ...test }
  }
}

type Tested = Pick<EdgeFunction, 'failure' | 'untested'>

/** Unknown is no pass: throws TransientError where there was no answer. */
async function tested(
  api: CloudFrontApi,
  { etag }: PublishedFunction,
  { arn, event }: { arn: string; event: object },
): Promise<Tested> {
  try {
    const failure = await api.testFunction(arn, etag, event)
    return failure === '' ? {} : { failure }
  } catch (error) {
    if (error instanceof ConflictError)
      throw new TransientError(`function ${arn} was published anew while it was looked at`, { cause: error })
    if (error instanceof RefusedError) return { untested: error.message }
    throw error
  }
}

/** What was refused is not asked for again; undefined where there was no answer. */
async function sourced(
  api: CloudFrontApi,
  arn: string,
  etag: string,
): Promise<{ etag: string; code?: string } | undefined> {
  try {
    return { etag, code: await api.codeOf(arn) }
  } catch (error) {
    if (error instanceof RefusedError) return { etag }
    if (error instanceof TransientError) return undefined
    throw error
  }
}

/** As whom a client acts: a role that is taken on with another external id is another identity, which may do something else. */
export function identityOf(role: Role | undefined): string {
  return JSON.stringify([role?.arn, role?.externalId])
}

/** What a client that acts as `role` is made with in addition; nothing without a role. */
export function credentialsOf(
  role: Role | undefined,
  sts: STSClientConfig,
): { credentials?: () => Promise<AssumedIdentity> } {
  return role ? { credentials: assumeRole(role, sts) } : {}
}
