/** Looks on from outside while a fault strikes: every event of the API server about a release's namespace, and the audit log. */
import { EventEmitter, once } from 'node:events'
import type { AuditEntry } from '../../../../demo/cloudfront.ts'
import { runningTimeout } from '../../../../demo/deadline.ts'
import type { Environment } from '../../../../demo/environment.ts'
import { follow, onEach, type ApiObject } from '../../../../demo/follow.ts'
import type { Judged } from '../../../../demo/judge-viewers.ts'
import { LABEL, type Color } from '../../../api/names.ts'
import type { Spec, Status } from '../../../api/release.ts'
import type { AnySite } from '../key-site.ts'
import type { Observed, SeenDeployment, SeenRevision } from './observed.ts'

/** Access key id that the operator of an environment signs with. */
export const OPERATOR_KEY = 'any'

type Deployment = ApiObject & { spec: { replicas?: number } }
type Release = ApiObject & { spec: Spec; status?: Status }

export type Observer = {
  deployments: readonly SeenDeployment[]
  revisions: readonly SeenRevision[]
  /** Ends it; with what the viewers met. Throws if it could not look on all the time. */
  end: (viewers: Judged) => Promise<Observed>
}

/** From before the release exists. */
export function observe(environment: Environment, site: AnySite): Observer {
  const { namespace } = site.place
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
      await once(told, 'release', { signal: AbortSignal.any([signal, runningTimeout(60_000)]) })
  }
  onEach(
    follow<Deployment>(api, `/apis/apps/v1/namespaces/${namespace}/deployments`, signal),
    ({ type, object: { metadata, spec } }) => {
      const color = metadata.labels?.[LABEL.color] as Color | undefined
      if (!color) return
      const isLeaving = type === 'Gone' || metadata.deletionTimestamp !== undefined
      const replicas = isLeaving ? 0 : (spec.replicas ?? 1)
      const at = isLeaving ? leftAt(metadata) : toldAt(metadata)
      deployments.push({ at, name: metadata.name, color, replicas })
    },
    background,
  )
  onEach(
    follow<Release>(api, releases, signal),
    ({ type, object: { metadata, spec, status } }) => {
      if (type === 'Gone') return
      revisions.push({
        at: toldAt(metadata),
        generation: metadata.generation,
        spec,
        ...(status ? { status } : {}),
      })
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
      const audit = (await cloudFront.audit()).filter((entry) => isAbout(entry, site))
      ended.abort()
      const seen = { viewers, deployments, revisions, audit, ...('key' in site ? { key: site.key } : {}) }
      return { ...seen, edges: cloudFront.edges.length, operator: OPERATOR_KEY }
    },
  }
}

/** Now, but no later than the API server says that it was written: on a busy machine a watch tells late. */
function toldAt({ managedFields = [] }: ApiObject['metadata']): number {
  // In whole seconds, rounded down.
  const writtenBy = Math.max(...managedFields.map(({ time }) => Date.parse(time) + 999))
  return Math.min(Date.now(), managedFields.length > 0 ? writtenBy : Infinity)
}

/** Of what was deleted at once, only the last write before that is known, which may be long ago. */
function leftAt({ deletionTimestamp }: ApiObject['metadata']): number {
  return Math.min(
    Date.now(),
    deletionTimestamp === undefined ? Infinity : Date.parse(deletionTimestamp) + 999,
  )
}

/** Whether it is about the distribution of a site, or about the store of its key. */
export function isAbout(entry: AuditEntry, site: AnySite): boolean {
  if ('distribution' in entry) return entry.distribution === site.place.distributionId
  if (!('store' in entry) || !('store' in site)) return false
  // Calls name it, edges know its ARN.
  return entry.store === site.store.name || entry.store === site.store.arn
}
