/** The pointer of a release behind a key value store: a key that the function of the declared behaviors reads at every request. */
import {
  distributionField,
  keyValueStoreOf,
  type KeyValueStore,
  type ModelRelease,
} from '../../../api/release.ts'
import { forbidden, roleFor } from '../../../planner/checks/allow-list.ts'
import type { CanaryReading, PointerTarget } from '../../../planner/model/observation.ts'
import { systemClock, type Clock } from '../../../controller/clock.ts'
import { Kept } from '../bounded-map.ts'
import type { Freshness } from '../cached-reader.ts'
import {
  credentialsOf,
  Distributions,
  identityOf,
  type DistributionsOptions,
  type EdgeFunction,
} from '../cloudfront/registry.ts'
import type { DistributionKeeper, Look } from '../cloudfront/client.ts'
import {
  distributionReading,
  freshnessFor,
  isDoubtful,
  isReturning,
  outdatedBy,
  readingOrTrouble,
  routedTo,
  type Read,
} from '../cloudfront/reading.ts'
import { RefusedError, TransientError } from '../../../ports/errors.ts'
import type { Pointer } from '../../../ports/ports.ts'
import { createKeyValueStoreApi, type KeyValueStoreOptions } from './api.ts'
import { StoreKeeper, type KeyLook } from './client.ts'
import { followedKey, readValue, writeValue, type Route } from './value.ts'

export type KeyValueStorePointerOptions = DistributionsOptions & {
  /** Of the API of the stores, where it is not AWS's own. */
  storeEndpoint?: KeyValueStoreOptions['endpoint']
  /** How long after a write every edge may be taken to follow it: nobody says when they do. */
  propagationMs: number
}

/** `distributions`: what it shares with another kind of pointer, made with the same options. */
export function createKeyValueStorePointer(
  options: KeyValueStorePointerOptions,
  clock: Clock = systemClock,
  distributions = new Distributions(options, clock),
): Pointer {
  const { allowList, propagationMs } = options
  const keeperOf = keepersOf(options, clock)

  const read = async (release: ModelRelease, freshness: Freshness): Promise<Read> => {
    const around = freshness === 'Busy' && isOnItsWay(release) ? 'Idle' : freshness
    const reading = await readAt(release, { freshness, around })
    // Somebody may be mending it.
    return around === 'Idle' && reading.unfit ? readAt(release, { freshness, around: 'Busy' }) : reading
  }

  const readAt = async (release: ModelRelease, { freshness, around }: Ages): Promise<Read> => {
    const settings = settingsOf(release)
    const { distributionId, key } = settings
    const look = await lookAt(distributions.keeperOf(distributionId), around)
    const base = distributionReading(look, settings, distributionField(release.spec))
    const [store, functions] = await Promise.all([
      keeperOf(settings).look(key, freshness),
      // Whatever the function does, a return is what is left to do.
      isReturning(release)
        ? undefined
        : functionsOf(look, settings, (arn) =>
            distributions.functionOf(arn, { distributionId, event: eventOf(settings) }, around),
          ),
    ])
    const now = clock.wallMs()
    const reading = merged({
      base,
      look,
      store,
      settings,
      now,
      propagatingMs: propagatingMs(store, { release, propagationMs, now }),
    })
    return { ...reading, ...functions }
  }

  return {
    read: (release, freshness) => {
      const message = forbidden(allowList, release)
      if (message !== undefined) return Promise.resolve({ type: 'Unusable', reason: 'NotAllowed', message })
      return readingOrTrouble(distributionField(release.spec), () =>
        read(release, freshness ?? freshnessFor(release)),
      )
    },
    move: async (release, step) => {
      const { token, direction = 'Forward' } = step
      const settings = allowed(release)
      await assertOrigins(settings, step)
      const value = step.names === '' ? undefined : writeValue({ ...routeOf(step), at: clock.wallMs() })
      await keeperOf(settings).move({ key: settings.key, value, etag: token, direction })
    },
    moveFallback: async (release, { parts, names, token }) => {
      const { distributionId } = allowed(release)
      const targets = new Map(parts.map((part) => [part, names]))
      await distributions.keeperOf(distributionId).move({ targets, etag: token, direction: 'Forward' })
    },
    invalidate: (release, { reference, paths }) =>
      distributions.keeperOf(settingsOf(release).distributionId).invalidate({ reference, paths }),
  }

  /** What a function meets that selects an origin that is not there is not documented: no such key is ever written. */
  async function assertOrigins({ distributionId }: KeyValueStore, step: MoveStep): Promise<void> {
    const { names, live, direction } = step
    const keeper = distributions.keeperOf(distributionId)
    const { fetched } = await lookAt(keeper, direction === 'Back' ? 'Urgent' : 'Busy')
    const known = fetched.document.origins.map(({ id }) => id)
    const missing = [names, live].filter((id) => id !== undefined && id !== '' && !known.includes(id))
    if (missing.length === 0) return
    throw new RefusedError(
      'OriginNotFound',
      `"${missing.join('", "')}" is not an origin of distribution ${distributionId}, which has ${known.join(', ')}: the key was not written; add the origin`,
    )
  }

  function allowed(release: ModelRelease): KeyValueStore {
    const message = forbidden(allowList, release)
    if (message !== undefined) throw new RefusedError('NotAllowed', message)
    return settingsOf(release)
  }
}

type MoveStep = Parameters<Pointer['move']>[1]

/** How old what is known may be: of the store, and of the distribution and the functions, which decide what the key does. */
type Ages = { freshness: Freshness; around: Freshness }

/** The key was moved, or is about to be; whether it can be was looked at before, and now only time is waited for. */
function isOnItsWay({ status }: ModelRelease): boolean {
  return status?.traffic?.intent !== undefined || status?.traffic?.canary !== undefined
}

/** The distribution, as closely as the release needs it. */
async function lookAt(keeper: DistributionKeeper, freshness: Freshness): Promise<Look> {
  const look = await keeper.look(freshness)
  // What answers without the key may still be on its way at rest, and nothing else waits for it.
  if (freshness === 'Idle' && look.fetched.document.status !== 'Deployed') return keeper.look('Busy')
  const { outdated, ...known } = look
  // A return needs the store alone. It stays marked as not fresh, so that nothing is taken away on it.
  return freshness === 'Urgent' && outdated ? known : look
}

function keepersOf(
  options: KeyValueStorePointerOptions,
  clock: Clock,
): (settings: KeyValueStore) => StoreKeeper {
  const keepers = new Kept<StoreKeeper>(clock)
  return ({ keyValueStoreArn: arn, distributionId }) => {
    const { allowList, region, sts, mayWrite, requestTimeoutMs, client, storeEndpoint: endpoint } = options
    const role = roleFor(allowList, distributionId)
    const credentials = client?.credentials
    const api = {
      region,
      mayWrite,
      endpoint,
      ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
      client: { ...(credentials ? { credentials } : {}), ...credentialsOf(role, { region, ...sts }) },
    }
    return keepers.of(
      `${arn} ${identityOf(role)}`,
      () => new StoreKeeper(arn, createKeyValueStoreApi(api), clock),
    )
  }
}

function settingsOf({ spec }: ModelRelease): KeyValueStore {
  const settings = keyValueStoreOf(spec)
  if (settings) return settings
  throw new RefusedError(
    'InvalidSpec',
    'spec.traffic.cloudFrontKeyValueStore is missing: add it, or set spec.traffic.type to Service',
  )
}

function routeOf(step: MoveStep): Omit<Parameters<typeof writeValue>[0], 'at'> {
  const { names, weight, live = '', salt = '', clientHeader: header } = step
  if (weight === undefined) return { live: names }
  return { live, canary: { origin: names, weight, salt, ...(header === undefined ? {} : { header }) } }
}

/** Why the key is not seen to be followed, or not as surely as it could be; empty where all is well. */
async function functionsOf(
  ...checked: Parameters<typeof checkFunctions>
): Promise<Pick<Read, 'unfit' | 'untested'>> {
  try {
    const untested = await checkFunctions(...checked)
    return untested === undefined ? {} : { untested }
  } catch (error) {
    if (error instanceof RefusedError && isUnfitness(error.reason))
      return { unfit: { reason: error.reason, message: error.message } }
    if (error instanceof RefusedError || error instanceof TransientError)
      return { unfit: { reason: 'PointerUnreachable', message: error.message } }
    throw error
  }
}

function isUnfitness(reason: string): reason is 'FunctionNotAssociated' | 'FunctionFails' | 'AccessDenied' {
  return reason === 'FunctionNotAssociated' || reason === 'FunctionFails' || reason === 'AccessDenied'
}

/** A request as one of the release's users would send it, as functions are given it. */
function eventOf({ distributionId, canaryClientHeader: header, verify }: KeyValueStore): object {
  // The schema lets more pass than is a URL, and what users wrote must not end a reconcile.
  const { host, pathname } =
    URL.parse(verify.url ?? '') ?? new URL(`https://${distributionId.toLowerCase()}.cloudfront.net/`)
  const headers = { host: { value: host }, ...(header ? { [header]: { value: 'modelrelease' } } : {}) }
  return {
    version: '1.0',
    context: {
      distributionDomainName: host,
      distributionId,
      eventType: 'viewer-request',
      requestId: 'modelrelease',
    },
    // An address that is reserved for documentation.
    viewer: { ip: '192.0.2.1' },
    request: { method: 'GET', uri: pathname, querystring: {}, headers, cookies: {} },
  }
}

/**
 * A key that no function reads would be moved without moving anybody, and one whose function fails, with nobody answered.
 * Gives why a function could not be tested. Throws RefusedError FunctionNotAssociated or FunctionFails, and what
 * `functionOf` throws.
 */
async function checkFunctions(
  { fetched }: Look,
  { behaviors, distributionId, keyValueStoreArn: store, key }: KeyValueStore,
  functionOf: (functionArn: string) => Promise<EdgeFunction>,
): Promise<string | undefined> {
  let weaker: string | undefined
  const asked = new Map<string, Promise<EdgeFunction>>()
  for (const { pathPattern } of behaviors) {
    const arn = fetched.document.viewerRequestFunctions.get(pathPattern)
    const behavior = `behavior "${pathPattern}" of distribution ${distributionId}`
    if (arn === undefined)
      throw notAssociated(
        `${behavior} has no viewer-request function: associate the published function that reads ${store} with it`,
      )
    const asking = asked.get(arn) ?? functionOf(arn)
    asked.set(arn, asking)
    const {
      stores,
      code = '',
      failure,
      untested,
    } = await asking.catch((error: unknown) => {
      if (error instanceof RefusedError && error.reason === 'FunctionNotAssociated')
        throw notAssociated(`${behavior} runs ${arn}, which was never published: publish it`)
      throw error
    })
    if (!stores.includes(store))
      throw notAssociated(
        `${behavior} runs ${arn}, which as published reads ${stores.join(', ') || 'no key value store'}: associate ${store} with the function and publish it, or correct spec.traffic.cloudFrontKeyValueStore.keyValueStoreArn`,
      )
    const followed = followedKey(code) ?? key
    if (followed !== key)
      throw notAssociated(
        `${behavior} runs ${arn}, which as published follows the key "${followed}" and not "${key}": publish it with that key, or correct spec.traffic.cloudFrontKeyValueStore.key`,
      )
    if (failure !== undefined)
      throw new RefusedError(
        'FunctionFails',
        `${behavior} runs ${arn}, which as published fails in TestFunction, so CloudFront answers 503 to every request of the behavior: ${failure}; correct the function and publish it, for ours with what "npm run -s cloudfront-function -- --key ${key}" prints`,
      )
    if (untested !== undefined)
      weaker = `${arn} was not tested, so a function that CloudFront cannot run would not be noticed before the switch: ${untested}`
  }
  return weaker
}

function notAssociated(message: string): RefusedError {
  return new RefusedError('FunctionNotAssociated', message)
}

/**
 * Milliseconds until every edge follows the value. A change that was seen here counts from then. Of what was there before
 * us only its writer says when it came, who may be wrong, and who has nothing to say of a key that was deleted.
 */
function propagatingMs(
  { value, sight }: KeyLook,
  { release, propagationMs, now }: { release: ModelRelease; propagationMs: number; now: number },
): number {
  const bySight = Math.max(0, propagationMs - sight.sinceMs)
  if (sight.before === 'Another') return bySight
  if (value === undefined && isUntried(release)) return 0
  const { at } = readValue(value) ?? {}
  return at === undefined ? bySight : Math.min(bySight, Math.max(0, at + propagationMs - now))
}

/** No edge can still follow a key that this release never wrote. */
function isUntried({ status }: ModelRelease): boolean {
  return !status?.history?.length && !status?.traffic?.intent
}

type Parts = {
  /** What the distribution alone says. */
  base: ReturnType<typeof distributionReading>
  look: Look
  store: KeyLook
  settings: KeyValueStore
  propagatingMs: number
  /** Epoch milliseconds. */
  now: number
}

function merged(parts: Parts): Read {
  const { base, look, store, settings } = parts
  const route = readValue(store.value)
  const outdated = store.outdated ? outdatedBy(store.outdated) : base.outdated
  return {
    ...base,
    ...decided(parts, route),
    ...(isDoubtful(store) ? { propagated: 'No' as const } : {}),
    token: store.etag,
    fresh: base.fresh === 'Yes' ? store.fresh : 'No',
    ...(outdated ? { outdated } : {}),
    expiresAt: Math.min(base.expiresAt ?? Infinity, store.expiresAt),
    writableAt: store.writableAt,
    fallback: {
      token: base.token,
      targets: settings.behaviors.flatMap(({ pathPattern }) => routedTo(look, pathPattern)),
      propagated: base.propagated,
      ...(base.writableAt === undefined ? {} : { writableAt: base.writableAt }),
    },
  }
}

function sharedBy({ origin, ...rest }: NonNullable<Route['canary']>): CanaryReading {
  return { names: origin, ...rest }
}

/**
 * Where users go by the key, or by the behaviors themselves where it says nothing. An origin that is not there is named as
 * it stands: AWS does not say what a function meets that selects one.
 */
function decided(
  { base, settings, propagatingMs, now }: Parts,
  route: Route | undefined,
): Pick<Read, 'targets' | 'propagated' | 'propagatesAt' | 'canary'> {
  const isQuiet = propagatingMs === 0
  const timing = isQuiet ? {} : { propagatesAt: now + propagatingMs }
  const part = `key ${settings.key}`
  if (route) {
    const { live, canary } = route
    return {
      targets: [{ part, names: live }],
      propagated: isQuiet ? 'Yes' : 'No',
      ...timing,
      ...(canary ? { canary: sharedBy(canary) } : {}),
    }
  }
  const { blue, green } = settings.origins
  const areOurs = base.targets.some(({ names }) => names === blue || names === green)
  const targets: PointerTarget[] = areOurs ? base.targets : [{ part, names: '' }]
  return { targets, propagated: isQuiet ? base.propagated : 'No', ...timing }
}
