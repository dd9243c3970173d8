/** What the cluster cannot do, in one sentence that names the remedy; printed without a stack trace. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError'
}
