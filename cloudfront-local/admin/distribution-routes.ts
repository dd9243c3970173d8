/** Distributions made, removed and changed without the manners of the API. */
import { withTargetOriginId } from '../control-plane/distribution-config.ts'
import { element, withChild } from '../control-plane/xml.ts'
import { expandSeed } from '../seed.ts'
import { AdminError, ok, partOf, record } from './admin-request.ts'
import type { Version } from '../control-plane/distributions.ts'
import type { XmlElement } from '../control-plane/xml.ts'
import type { SeedDistribution } from '../seed-content.ts'
import type { World } from '../world.ts'
import type { AdminAnswer, AdminRequest, AdminRoute } from './admin-request.ts'

export const distributionAdminRoutes: readonly AdminRoute[] = [
  { method: 'GET', path: /^\/distributions$/, handle: getDistributions },
  { method: 'POST', path: /^\/distributions$/, handle: postDistribution },
  { method: 'DELETE', path: /^\/distributions\/([^/]+)$/, handle: deleteDistribution },
  { method: 'POST', path: /^\/distributions\/([^/]+)\/foreign-write$/, handle: foreignWrite },
  { method: 'POST', path: /^\/distributions\/([^/]+)\/etag-bump$/, handle: bumpEtag },
]

function getDistributions({ world }: AdminRequest): AdminAnswer {
  return ok(world.distributions.list().map((version) => describe(world, version)))
}

function describe({ distributions }: World, version: Version): Record<string, unknown> {
  const { distribution, domainName, etag, number } = version
  return { id: distribution, domainName, etag, version: number, status: distributions.statusOf(distribution) }
}

function postDistribution({ world, body }: AdminRequest): AdminAnswer {
  const [distribution] = expandSeed([body as SeedDistribution], world.pick)
  if (distribution === undefined) throw new AdminError(400, 'expected a distribution in the form of the seed')
  const version = world.distributions.seed(distribution)
  const { distribution: id, etag } = version
  record(world, 'CreateDistribution', { distribution: id, status: 201, etag })
  return { status: 201, body: describe(world, version) }
}

function deleteDistribution(request: AdminRequest): AdminAnswer {
  const id = partOf(request)
  request.world.distributions.remove(id)
  request.world.invalidations.forget(id)
  record(request.world, 'DeleteDistribution', { distribution: id, status: 204 })
  return { status: 204 }
}

/** Change the distribution as another writer would; any of the members may be given. */
type ForeignWrite = { pathPattern?: string; targetOriginId?: string; comment?: string; enabled?: boolean }

function foreignWrite(request: AdminRequest): AdminAnswer {
  const { world, body } = request
  const id = partOf(request)
  const wanted = (body ?? {}) as ForeignWrite
  const { version, targets, changed } = world.distributions.rewrite(id, (config) => edited(config, wanted))
  const { etag, number } = version
  record(world, 'ForeignWrite', { distribution: id, status: 200, etag, version: number, targets, changed })
  return ok(describe(world, version))
}

function edited(config: XmlElement, wanted: ForeignWrite): XmlElement {
  const { pathPattern = '*', targetOriginId, comment, enabled } = wanted
  if (targetOriginId === undefined && comment === undefined && enabled === undefined) {
    throw new AdminError(400, 'expected targetOriginId (with pathPattern, default "*"), comment or enabled')
  }
  const moved =
    targetOriginId === undefined ? config : withTargetOriginId(config, pathPattern, targetOriginId)
  if (moved === undefined)
    throw new AdminError(400, `there is no behavior with the path pattern ${pathPattern}`)
  const commented = comment === undefined ? moved : withChild(moved, element('Comment', comment))
  return enabled === undefined ? commented : withChild(commented, element('Enabled', String(enabled)))
}

function bumpEtag(request: AdminRequest): AdminAnswer {
  const version = request.world.distributions.touch(partOf(request))
  record(request.world, 'EtagBump', { distribution: version.distribution, status: 200, etag: version.etag })
  return ok(describe(request.world, version))
}
