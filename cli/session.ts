/** A way to the cluster that the flags name. */
import { ApiError, ApiClient } from '../operator/controller/api-client.ts'
import { targetOf, type ClusterFlags } from './cluster/kubeconfig.ts'
import { Releases } from './cluster/releases.ts'
import { CliError, EXIT, type ExitCode } from './errors.ts'
import { durationMs } from './follow/time.ts'
import type { Io } from './io.ts'

export type SessionFlags = ClusterFlags & { requestTimeout?: string }

export type Session = {
  access: ApiClient
  releases: Releases
  /** Where a release is that no flag and no manifest places elsewhere. */
  namespace: string
}

export function openSession(flags: SessionFlags, { environment }: Pick<Io, 'environment'>): Session {
  const { kubeConfig, namespace } = targetOf(flags, environment)
  const readTimeoutMs = durationMs(flags.requestTimeout ?? '30s') || 24 * 3_600_000
  const access = new ApiClient(kubeConfig, {
    userAgent: 'kubectl-modelrelease',
    readTimeoutMs,
    // No lease stands behind these writes.
    writeTimeoutMs: readTimeoutMs,
  })
  return { access, releases: new Releases(access), namespace }
}

/** What is told of an error, and the exit code that it stands for. */
export function told(error: unknown, isDebugging: boolean): { message: string; exitCode: ExitCode } {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const text = isDebugging ? (stack ?? message) : message
  if (error instanceof CliError) return { message: text, exitCode: error.exitCode }
  if (error instanceof ApiError) return { message: text, exitCode: EXIT.notDone }
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code !== undefined)
    return { message: `no answer from the API server: ${text || code}`, exitCode: EXIT.notDone }
  return { message: text, exitCode: EXIT.notDone }
}
