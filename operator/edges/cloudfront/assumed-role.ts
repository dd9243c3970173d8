/** Credentials of a role that the operator takes on, for targets that are not its own account's or not its own permission. */
import type { STSClientConfig } from '@aws-sdk/client-sts'
import type { Role } from '../../core/allow-list.ts'
import { RefusedError, TransientError } from '../errors.ts'

export type AssumedIdentity = {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  /** The SDK asks again some minutes before. */
  expiration: Date
}

const SESSION_NAME = 'modelrelease-operator'
const DENIED =
  /AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|ValidationError|MalformedPolicyDocument/

/**
 * A provider, not credentials: the SDK calls it again whenever they are about to expire, also in the middle of a long wait.
 * `client` is what the STS client is made with; a Regional endpoint comes with the region.
 */
export function assumeRole(role: Role, client: STSClientConfig): () => Promise<AssumedIdentity> {
  return async () => {
    const { STSClient, AssumeRoleCommand } = await import('@aws-sdk/client-sts')
    const sts = new STSClient({ maxAttempts: 1, ...client })
    try {
      const { Credentials } = await sts.send(
        new AssumeRoleCommand({
          RoleArn: role.arn,
          RoleSessionName: SESSION_NAME,
          ...(role.externalId ? { ExternalId: role.externalId } : {}),
        }),
      )
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
  const { name = '', message = '' } = (error ?? {}) as Partial<Error>
  if (DENIED.test(name))
    return new RefusedError(
      'AccessDenied',
      `the operator's credentials need the IAM action sts:AssumeRole on ${arn}, and its trust policy must name them and the external id of the allow-list (${name}: ${message})`.slice(
        0,
        400,
      ),
      { cause: error },
    )
  return new TransientError(`AssumeRole of ${arn}: ${name}: ${message}`.slice(0, 300), { cause: error })
}
