/** Secrets with credentials for gates and verify: read one by one, by their names, and never listed or watched. */
import type { SecretData } from '../../planner/checks/credentials.ts'
import type { ReadSecret } from '../http/credentials.ts'
import { Requests, type Transport } from './requests.ts'
import { SECRETS } from './resources.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'

/** By the namespace of the release that refers to them. */
export function createSecrets(transport: Transport): (namespace: string) => ReadSecret {
  const requests = new Requests(transport)
  return (namespace) => secretsIn(requests, namespace)
}

export function secretsIn(requests: Requests, namespace: string): ReadSecret {
  return async (name) => {
    try {
      const found = await requests.get(SECRETS, { namespace, name })
      return { namespace, data: found && dataOf(found.data) }
    } catch (error) {
      throw translated(error, { namespace, name })
    }
  }
}

function dataOf(data: unknown): SecretData {
  const entries = Object.entries((data ?? {}) as Record<string, unknown>)
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** What an answer said may be of the Secret, so nothing of it is kept: neither as a message nor as a cause. */
function translated(error: unknown, { namespace, name }: { namespace: string; name: string }): unknown {
  if (error instanceof RefusedError && error.reason === 'AccessDenied')
    return new RefusedError('AccessDenied', forbiddenText(namespace, name, subjectIn(error.message)))
  if (error instanceof TransientError || error instanceof RefusedError || error instanceof ConflictError)
    return new TransientError(
      `Secret ${namespace}/${name} could not be read, and it is tried again: look at the API server, and whether it can decrypt its Secrets`,
    )
  return error
}

/** `User "system:serviceaccount:modelrelease-system:modelrelease-operator" cannot get resource …` */
function subjectIn(message: string): string {
  const [, namespace, name] = /"system:serviceaccount:([^":]+):([^":]+)"/.exec(message) ?? []
  return namespace && name ? `${namespace}:${name}` : 'modelrelease-system:modelrelease-operator'
}

/** `resourceNames` holds for get alone: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources */
function forbiddenText(namespace: string, name: string, subject: string): string {
  const role = 'modelrelease-credentials'
  return (
    `the operator may not get Secret ${namespace}/${name}: ` +
    `kubectl -n ${namespace} create role ${role} --verb=get --resource=secrets --resource-name=${name} && ` +
    `kubectl -n ${namespace} create rolebinding ${role} --role=${role} --serviceaccount=${subject} ` +
    `(or add ${name} to resourceNames of the Role that is there: manifests/credentials-role.yaml)`
  )
}
