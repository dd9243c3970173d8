/** Which process of the operator was the leader when: what one had in mind, such as how long to wait, goes with it. */
import type { Environment } from '../../../../demo/environment.ts'
import { follow, onEach, type ApiObject } from '../../../../demo/follow.ts'
import { OPERATOR_NAMESPACE } from '../../../../demo/install.ts'

type Lease = ApiObject & { spec: { acquireTime?: string } }

export type Leaders = {
  /** When the leader of a moment had become it; both in epoch milliseconds. */
  startedAt: (moment: number) => number
  /** Throws if it could not look on all the time. */
  end: () => void
}

export function followLeaders({ api, signal }: Environment): Leaders {
  const ended = new AbortController()
  const started = new Set<number>()
  const failures: Error[] = []
  onEach(
    follow<Lease>(
      api,
      `/apis/coordination.k8s.io/v1/namespaces/${OPERATOR_NAMESPACE}/leases`,
      AbortSignal.any([signal, ended.signal]),
    ),
    ({ object: { spec } }) => {
      if (spec.acquireTime !== undefined) started.add(Date.parse(spec.acquireTime))
    },
    { signal: ended.signal, failed: (error) => void failures.push(error) },
  )
  return {
    startedAt: (moment) => Math.max(...[...started].filter((at) => at <= moment), 0),
    end: () => {
      ended.abort()
      if (failures[0]) throw failures[0]
    },
  }
}
