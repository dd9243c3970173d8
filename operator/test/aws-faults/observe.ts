/** Looks on from outside while a fault strikes: every event of the API server about a release's namespace, and the audit log. */
import { EventEmitter, once } from 'node:events'
import type { AuditEntry } from '../../../demo/cloudfront.ts'
import type { Environment } from '../../../demo/environment.ts'
import { follow, onEach, type ApiObject } from '../../../demo/follow.ts'
import type { Summary } from '../../../demo/load.ts'
import type { Place } from '../../../demo/place.ts'
import { LABEL, type Color } from '../../api/names.ts'
import type { Spec, Status } from '../../api/release.ts'
import type { Observed, SeenDeployment, SeenRevision } from './observed.ts'

/** Access key id that the operator of an environment signs with. */
export const OPERATOR_KEY = 'any'

type Deployment = ApiObject & { spec: { replicas?: number } }
type Release = ApiObject & { spec: Spec; status?: Status }

export type Observer = {
  deployments: readonly SeenDeployment[]
  revisions: readonly SeenRevision[]
  /** Ends it; with what the viewers met. Throws if it could not look on all the time. */
  end: (viewers: Summary) => Promise<Observed>
}

/** From before the release exists. */
export function observe(environment: Environment, { namespace, distributionId }: Place): Observer {
  const { api, cloudFront } = environment
  const ended = new AbortController()
  const signal = AbortSignal.any([environment.signal, ended.signal])
  const failures: Error[] = []
  const background = { signal, failed: (error: Error): void => void failures.push(error) }
  const deployments: SeenDeployment[] = []
  const revisions: SeenRevision[] = []
  const versions = new Set<string>()
  const told = new EventEmitter()
  const releases = `/apis/modelrelease.io/v1alpha1/namespaces/${namespace}/modelreleases`
  /** Others may have been told of the newest status before we were. */
  const caughtUp = async (): Promise<void> => {
    const { body } = await api.request({ path: `${releases}/housing`, signal })
    const { resourceVersion } = (JSON.parse(body) as Release).metadata
    while (!versions.has(resourceVersion))
      await once(told, 'release', { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })
  }
  onEach(
    follow<Deployment>(api, `/apis/apps/v1/namespaces/${namespace}/deployments`, signal),
    ({ type, object: { metadata, spec } }) => {
      const color = metadata.labels?.[LABEL.color] as Color | undefined
      if (!color) return
      const isLeaving = type === 'Gone' || metadata.deletionTimestamp !== undefined
      const replicas = isLeaving ? 0 : (spec.replicas ?? 1)
      deployments.push({ at: Date.now(), name: metadata.name, color, replicas })
    },
    background,
  )
  onEach(
    follow<Release>(api, releases, signal),
    ({ type, object: { metadata, spec, status } }) => {
      if (type === 'Gone') return
      revisions.push({ at: Date.now(), generation: metadata.generation, spec, ...(status ? { status } : {}) })
      versions.add(metadata.resourceVersion)
      told.emit('release')
    },
    background,
  )
  return {
    deployments,
    revisions,
    end: async (viewers) => {
      if (failures[0]) throw failures[0]
      await caughtUp()
      const audit = (await cloudFront.audit()).filter((entry) => isAbout(entry, distributionId))
      ended.abort()
      const seen = { viewers, deployments, revisions, audit }
      return { ...seen, edges: cloudFront.edges.length, operator: OPERATOR_KEY }
    },
  }
}

export function isAbout(entry: AuditEntry, distribution: string): boolean {
  return 'distribution' in entry && entry.distribution === distribution
}
