import { isIPv4 } from 'node:net'
import type { Api } from '../api.ts'
import type { FindService, Found } from './answer.ts'

/**
 * Looks Services up at the API server, each time anew: an answer is never older than the question, and there is no
 * watch to lose. As a list, because that is what Kubernetes' own role for a DNS may do.
 */
export function servicesOf(api: Pick<Api, 'read'>): FindService {
  return async ({ service, namespace }) =>
    foundIn(
      await api.read(`/api/v1/namespaces/${namespace}/services?fieldSelector=metadata.name%3D${service}`),
    )
}

interface Services {
  readonly items?: readonly { readonly spec?: { readonly clusterIP?: string } }[]
}

/** A headless Service has no address of its own; those of its pods are not answered. */
function foundIn(answer: unknown): Found {
  const { items } = (answer ?? {}) as Services
  if (!Array.isArray(items)) return { type: 'Failed' }
  const address = (items as NonNullable<Services['items']>)[0]?.spec?.clusterIP ?? ''
  return isIPv4(address) ? { type: 'Address', address } : { type: 'None' }
}
