/** Which process of the operator was the leader when: what one had in mind, such as how long to wait, goes with it. */
import type { Environment } from '../../../../demo/environment.ts'
import { follow, onEach, type ApiObject } from '../../../../demo/follow.ts'
import { OPERATOR_NAMESPACE } from '../../../../demo/install.ts'

type Lease = ApiObject & { spec: { acquireTime?: string } }

export type Reigns = {
  /** When the leader of a moment had become it; both in epoch milliseconds. */
  begunAt: (moment: number) => number
  /** Throws if it could not look on all the time. */
  end: () => void
}

export function followReigns({ api, signal }: Environment): Reigns {
  const ended = new AbortController()
  const begun = new Set<number>()
  const failures: Error[] = []
  onEach(
    follow<Lease>(
      api,
      `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases`,
      AbortSignal.any([signal, ended.signal]),
    ),
    ({ object: { spec } }) => {
      if (spec.acquireTime !== undefined) begun.add(Date.parse(spec.acquireTime))
    },
    { signal: ended.signal, failed: (error) => void failures.push(error) },
  )
  return {
    begunAt: (moment) => Math.max(...[...begun].filter((at) => at <= moment), 0),
    end: () => {
      ended.abort()
      if (failures[0]) throw failures[0]
    },
  }
}
