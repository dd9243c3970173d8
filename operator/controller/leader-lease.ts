import { type ApiClient, apiError, expectOk } from './api-client.ts'
import { type Lease, LeaseConflictError, type LeaseSpec, type LeaseStore } from './leader-election.ts'

// Less than half the renew deadline: one attempt may hang and there is still time for the next.
const TIMEOUT_MS = 4_000

type LeaseObject = { metadata: { resourceVersion: string }; spec?: LeaseSpec }

/** The Lease `name` in `namespace`. `access` must not be guarded by the very election that this lease decides. */
export function leaseStore(
  access: ApiClient,
  namespace: string,
  name: string,
  timeoutMs = TIMEOUT_MS,
): LeaseStore {
  const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`
  const path = `${collection}/${name}`

  async function write(method: 'POST' | 'PUT', spec: LeaseSpec, resourceVersion?: string): Promise<Lease> {
    const body = JSON.stringify({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, resourceVersion },
      spec,
    })
    const answer = await access.request({
      method,
      path: method === 'POST' ? collection : path,
      body,
      timeoutMs,
    })
    // 404: it was deleted under our hands; the namespace itself can hardly be missing, since we run in it.
    if (answer.status === 409 || (method === 'PUT' && answer.status === 404)) {
      throw new LeaseConflictError(apiError(answer.status, answer.body).message)
    }
    return leaseOf(expectOk(answer))
  }

  return {
    read: async () => {
      const answer = await access.request({ path, timeoutMs })
      return answer.status === 404 ? undefined : leaseOf(expectOk(answer))
    },
    create: (spec) => write('POST', spec),
    replace: (resourceVersion, spec) => write('PUT', spec, resourceVersion),
  }
}

function leaseOf(body: string): Lease {
  const { metadata, spec } = JSON.parse(body) as LeaseObject
  return { resourceVersion: metadata.resourceVersion, spec: spec ?? {} }
}
