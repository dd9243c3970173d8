/** Credentials of a role that the operator takes on, for targets that are not its own account's or not its own permission. */
import type { STSClientConfig } from '@aws-sdk/client-sts'
import type { Role } from '../../planner/checks/allow-list.ts'
import { describe, type Foreign } from './called.ts'
import { CLIENT_DEFAULTS, inTime, notePeers } from './calls.ts'
import { translate, type ErrorMap } from './errors.ts'
import { RefusedError, TransientError } from '../../ports/errors.ts'

export type AssumedIdentity = {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  /** The SDK asks again some minutes before. */
  expiration: Date
}

const SESSION_NAME = 'modelrelease-operator'
/** Shorter than the call that waits for the credentials, so that its failure is told by this one. */
const TIMEOUT_MS = 4_500
/** What STS refuses for good, whatever its status. */
const REFUSALS = /^(ValidationError|MalformedPolicyDocument|RegionDisabled)/

/**
 * A provider, not credentials: the SDK calls it again whenever they are about to expire, also in the middle of a long wait.
 * `client` is what the STS client is made with; a Regional endpoint comes with the region.
 */
export function assumeRole(role: Role, client: STSClientConfig): () => Promise<AssumedIdentity> {
  return async () => {
    const { STSClient, AssumeRoleCommand } = await import('@aws-sdk/client-sts')
    const sts = new STSClient({ ...CLIENT_DEFAULTS, ...client })
    notePeers(sts)
    const command = new AssumeRoleCommand({
      RoleArn: role.arn,
      RoleSessionName: SESSION_NAME,
      ...(role.externalId ? { ExternalId: role.externalId } : {}),
    })
    try {
      const { Credentials } = await inTime(TIMEOUT_MS, (abortSignal) => sts.send(command, { abortSignal }))
      const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {}
      if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration)
        throw new TransientError(`AssumeRole of ${role.arn}: the answer has no credentials`)
      return {
        accessKeyId: AccessKeyId,
        secretAccessKey: SecretAccessKey,
        sessionToken: SessionToken,
        expiration: Expiration,
      }
    } catch (error) {
      throw translated(error, role)
    } finally {
      sts.destroy()
    }
  }
}

function translated(error: unknown, { arn }: Role): unknown {
  if (error instanceof TransientError) return error
  const called = { action: 'sts:AssumeRole', subject: arn, arn }
  const understood = translate(error, called, DIALECT)
  if (understood instanceof RefusedError && isForGood(understood, error))
    return new RefusedError('AccessDenied', `${understood.message}; ${TRUST}`, { cause: error })
  return new TransientError(describe(called, error ?? {}), { cause: error })
}

const TRUST = 'the trust policy of the role must name them, and the external id of the allow-list'
const DIALECT: ErrorMap = {
  conflicts: /(?!)/,
  notFound: /(?!)/,
  missing: { reason: 'AccessDenied', message: '' },
}

function isForGood({ reason }: RefusedError, error: unknown): boolean {
  return reason === 'AccessDenied' || REFUSALS.test((error as Foreign).name ?? '')
}
