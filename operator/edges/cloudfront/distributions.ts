/** What everybody who uses distributions shares: a client for each identity, a keeper for each distribution. */
import type { STSClientConfig } from '@aws-sdk/client-sts'
import { roleFor, type AllowList, type Role } from '../../core/allow-list.ts'
import type { Clock } from '../../runtime/clock.ts'
import { Reader, type Freshness } from '../aws/reader.ts'
import { createCloudFrontApi, type CloudFrontApi, type CloudFrontOptions } from './api.ts'
import { assumeRole, type AssumedIdentity } from './assumed-role.ts'
import { DistributionKeeper } from './keeper.ts'

export type DistributionsOptions = CloudFrontOptions & {
  /** Which releases may use which distribution, and as whom; without it all may, as the operator itself. */
  allowList?: AllowList
  /** Distance that forward moves of one distribution keep, in milliseconds. Default 30 s. */
  spacingMs?: number | undefined
  /** What the client that takes on roles is to be made with. */
  sts?: STSClientConfig
}

export class Distributions {
  readonly #options: DistributionsOptions
  readonly #clock: Clock
  readonly #apis = new Map<string | undefined, CloudFrontApi>()
  readonly #keepers = new Map<string, DistributionKeeper>()
  readonly #functions = new Map<string, Reader<string[]>>()

  constructor(options: DistributionsOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /** The one reader and writer of a distribution. */
  keeperOf(id: string): DistributionKeeper {
    const { spacingMs } = this.#options
    const keeper =
      this.#keepers.get(id) ?? new DistributionKeeper(id, this.#apiFor(id), this.#clock, spacingMs)
    this.#keepers.set(id, keeper)
    return keeper
  }

  /** ARNs of the key value stores that a function of a distribution reads, as it runs at the edges. Throws as `Reader.look`. */
  async storesOf(distributionId: string, functionArn: string, freshness: Freshness): Promise<string[]> {
    const key = `${distributionId} ${functionArn}`
    const api = this.#apiFor(distributionId)
    const name = `function ${functionArn}`
    const reader =
      this.#functions.get(key) ??
      new Reader({ name, fetch: () => api.storesOf(functionArn), clock: this.#clock })
    this.#functions.set(key, reader)
    return (await reader.look(freshness)).value
  }

  #apiFor(distributionId: string): CloudFrontApi {
    const { allowList, region, sts, client } = this.#options
    const role = roleFor(allowList, distributionId)
    const credentials = credentialsOf(role, { region, ...sts })
    const api =
      this.#apis.get(role?.arn) ??
      createCloudFrontApi({ ...this.#options, client: { ...client, ...credentials } })
    this.#apis.set(role?.arn, api)
    return api
  }
}

/** What a client that acts as `role` is made with in addition; nothing without a role. */
export function credentialsOf(
  role: Role | undefined,
  sts: STSClientConfig,
): { credentials?: () => Promise<AssumedIdentity> } {
  return role ? { credentials: assumeRole(role, sts) } : {}
}
