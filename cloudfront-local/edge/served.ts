/** A distribution as an edge serves it: what a configuration means for one request. */
import { readSettings } from '../control-plane/distribution-config.ts'
import { pathPatternExpression } from './path-pattern.ts'
import type { IncomingMessage } from 'node:http'
import type { Behavior, DistributionSettings, Origin } from '../control-plane/distribution-config.ts'
import type { Version } from '../control-plane/distributions.ts'

export type Served = {
  distribution: string
  domainName: string
  hostNames: readonly string[]
  settings: DistributionSettings
  originIds: readonly string[]
  routes: readonly { expression: RegExp; behavior: Behavior; origin: Origin | undefined }[]
}

/** Where a request goes. `path` is path and query, without OriginPath. */
export type Target = {
  served: Served
  behavior: Behavior
  origin: Origin | undefined
  path: string
  /** Host header that a function chose. */
  hostHeader?: string | undefined
}

const METHODS_WITHOUT_BODY = new Set(['GET', 'HEAD'])

export function servedFrom({ distribution, domainName, config }: Version): Served {
  const settings = readSettings(config)
  return {
    distribution,
    domainName,
    hostNames: [domainName.toLowerCase(), ...settings.aliases],
    settings,
    originIds: [...settings.origins.keys(), ...settings.originGroups.keys()],
    routes: settings.behaviors.map((behavior) => ({
      expression: pathPatternExpression(behavior.pathPattern),
      behavior,
      origin: originOf(settings, behavior.targetOriginId),
    })),
  }
}

/** An origin by its id; of an origin group the first member. */
export function originOf({ origins, originGroups }: DistributionSettings, id: string): Origin | undefined {
  return origins.get(originGroups.get(id) ?? id)
}

/** The first behavior whose path pattern matches, else the default one. */
export function targetOf(served: Served, url: string): Target {
  const { routes, settings } = served
  const path = url === '/' && settings.defaultRootObject !== '' ? `/${settings.defaultRootObject}` : url
  const query = path.indexOf('?')
  const matched = query < 0 ? path : path.slice(0, query)
  const route = routes.find(({ expression }) => expression.test(matched)) ?? routes.at(-1)
  // A valid configuration always has a default behavior, and validation lets no other through.
  if (route === undefined) throw new Error('a distribution without behaviors was applied')
  return { served, behavior: route.behavior, origin: route.origin, path }
}

/** Why a behavior does not take this request; undefined when it does. */
export function methodRefusal(behavior: Behavior, request: IncomingMessage): string | undefined {
  const method = request.method ?? 'GET'
  if (!behavior.allowedMethods.has(method)) {
    return `This distribution is not configured to allow the HTTP request method ${method}.`
  }
  if (METHODS_WITHOUT_BODY.has(method) && bodyOf(request) !== 'None') {
    return `A ${method} request must not have a body.`
  }
  return undefined
}

/** How the viewer frames the body of its request. */
export function bodyOf({ headers }: IncomingMessage): 'None' | 'Sized' | 'Chunked' {
  if (headers['transfer-encoding'] !== undefined) return 'Chunked'
  return Number(headers['content-length'] ?? '0') > 0 ? 'Sized' : 'None'
}
