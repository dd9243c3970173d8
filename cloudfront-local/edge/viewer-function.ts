/** Between a request and a function: what the function is told, and what its answer makes of the request. */
import { originOf } from './served.ts'
import type { IncomingMessage } from 'node:http'
import type { Origin } from '../control-plane/distribution-config.ts'
import type {
  EventRequest,
  EventValues,
  OriginChoice,
  OriginUpdate,
  ViewerRequestEvent,
} from '../functions/event.ts'
import type { Served, Target } from './served.ts'

// A function may read these and not change them.
const READ_ONLY = new Set(['content-length', 'host', 'transfer-encoding', 'via'])

/** The event of a request. */
export function eventOf(request: IncomingMessage, target: Target, requestId: string): ViewerRequestEvent {
  const { served, path } = target
  const [uri = '/', ...query] = path.split('?')
  return {
    version: '1.0',
    context: {
      distributionDomainName: served.domainName,
      distributionId: served.distribution,
      eventType: 'viewer-request',
      requestId,
    },
    viewer: { ip: request.socket.remoteAddress ?? '' },
    request: {
      method: request.method ?? 'GET',
      uri,
      querystring: valuesOf(pairs(query.join('?'), '&')),
      headers: valuesOf(headerPairs(request.rawHeaders).filter(([name]) => name !== 'cookie')),
      cookies: valuesOf(pairs(request.headers.cookie ?? '', ';')),
    },
  }
}

type Pair = readonly [name: string, value: string]

function pairs(text: string, separator: string): Pair[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    })
}

function headerPairs(raw: readonly string[]): Pair[] {
  const found: Pair[] = []
  for (let index = 0; index < raw.length; index += 2) {
    found.push([(raw[index] ?? '').toLowerCase(), raw[index + 1] ?? ''])
  }
  return found
}

function valuesOf(all: readonly Pair[]): EventValues {
  // No prototype: a header may be called "constructor".
  const values = Object.create(null) as EventValues
  for (const [name, value] of all) {
    const known = values[name]
    if (known === undefined) values[name] = { value }
    else known.multiValue = [...(known.multiValue ?? [{ value: known.value }]), { value }]
  }
  return values
}

/** The path and query that the function wants; the viewer's own text where it changed neither. */
export function pathFrom(before: EventRequest, after: EventRequest, path: string): string {
  if (before.uri === after.uri && same(before.querystring, after.querystring)) return path
  const query = flat(after.querystring).map(([name, value]) => (value === '' ? name : `${name}=${value}`))
  return query.length === 0 ? after.uri : `${after.uri}?${query.join('&')}`
}

/** The headers that the function wants, as a flat list; the viewer's own where it changed none. */
export function headersFrom(
  before: EventRequest,
  after: EventRequest,
  raw: readonly string[],
): readonly string[] {
  if (same(before.headers, after.headers) && same(before.cookies, after.cookies)) return raw
  const kept = headerPairs(raw).filter(([name]) => READ_ONLY.has(name))
  const wanted = flat(after.headers).filter(([name]) => !READ_ONLY.has(name.toLowerCase()))
  const cookies = flat(after.cookies).map(([name, value]) => `${name}=${value}`)
  const cookie: Pair[] = cookies.length === 0 ? [] : [['cookie', cookies.join('; ')]]
  return [...kept, ...wanted, ...cookie].flat()
}

function same(before: EventValues, after: EventValues): boolean {
  return JSON.stringify(before) === JSON.stringify(after)
}

function flat(values: EventValues): Pair[] {
  return Object.entries(values).flatMap(([name, { value, multiValue }]) =>
    (multiValue ?? [{ value }]).map((one): Pair => [name, one.value]),
  )
}

/** Where the request goes after the function has chosen. */
export function originFrom(
  choice: OriginChoice | undefined,
  { origin, hostHeader }: Target,
  { settings }: Served,
): Pick<Target, 'origin' | 'hostHeader'> {
  switch (choice?.type) {
    case undefined:
      return { origin, hostHeader }
    case 'ById':
      return { origin: originOf(settings, choice.originId), hostHeader }
    case 'Update':
      return {
        origin: origin && updated(origin, choice.update),
        hostHeader: choice.update.hostHeader ?? hostHeader,
      }
  }
}

function updated(origin: Origin, update: OriginUpdate): Origin {
  const { timeouts = {}, customOriginConfig = {}, customHeaders } = update
  const ms = (seconds: number | undefined, fallback: number): number =>
    seconds === undefined ? fallback : seconds * 1000
  return {
    ...origin,
    domainName: update.domainName?.toLowerCase() ?? origin.domainName,
    originPath: update.originPath ?? origin.originPath,
    customHeaders: customHeaders === undefined ? origin.customHeaders : Object.entries(customHeaders),
    connectionAttempts: update.connectionAttempts ?? origin.connectionAttempts,
    readTimeoutMs: ms(timeouts.readTimeout, origin.readTimeoutMs),
    connectTimeoutMs: ms(timeouts.connectionTimeout, origin.connectTimeoutMs),
    keepaliveMs: ms(timeouts.keepAliveTimeout, origin.keepaliveMs),
    httpPort: customOriginConfig.port ?? origin.httpPort,
    protocol: customOriginConfig.protocol === 'https' ? 'https-only' : origin.protocol,
  }
}
