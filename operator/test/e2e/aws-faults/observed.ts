/** What was seen of a release while a fault struck, by those who are no part of the operator: viewers, API server, CloudFront. */
import type { AuditEntry } from '../../../../demo/cloudfront.ts'
import type { Judged } from '../../../../demo/judge-viewers.ts'
import type { Color } from '../../../api/names.ts'
import type { Spec, Status } from '../../../api/release.ts'

/** A Deployment of a color as one event of a watch told it. */
export type SeenDeployment = {
  /** Epoch milliseconds at which it was told, or by which it was written where that is sooner. */
  at: number
  name: string
  color: Color
  /** 0 for one that is gone or on its way. */
  replicas: number
}

/** A revision of a ModelRelease as one event of a watch told it. */
export type SeenRevision = { at: number; generation: number; spec: Spec; status?: Status }

export type Observed = {
  viewers: Judged
  /** In the order in which they were told; from before the release existed until everything had propagated. */
  deployments: readonly SeenDeployment[]
  revisions: readonly SeenRevision[]
  /** Everything about this release's distribution, and about the store of its key, from their making. */
  audit: readonly AuditEntry[]
  /** Name of the key, where one decides. */
  key?: string
  /** Number of edges. */
  edges: number
  /** Access key id that the operator signs with. */
  operator: string
}
