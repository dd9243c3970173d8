/** The one HTTP client that asks models. Every request has a connection of its own, because edges and pods differ by connection. */
import type { LookupAddress } from 'node:dns'
import { Resolver } from 'node:dns/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import type { LookupFunction } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { ProbeAnswer } from '../../planner/model/observation.ts'
import { createRefusal, type AllowedRanges } from './addresses.ts'
import { connectionText, peerOf, timeoutText } from './no-answer.ts'
import type { HttpProbe } from '../../ports/ports.ts'

/** More would only be held in memory to be compared with a few values. */
export const MAX_BODY_BYTES = 1024 * 1024

/** Headers that frame the message or keep the connection: they are ours, or one request could be read as two. */
const FRAMING = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** How long one DNS server has to answer, and how often all of them are asked: `models.example.com` must not hold a probe long. */
const DNS = { timeout: 2_000, tries: 2 } as const

export type AskOptions = {
  /** Ranges that names of a spec may lead to although they are not public. */
  allowedRanges?: AllowedRanges
  /** Finds the addresses of a name; default: the system's DNS servers. */
  resolve?: Resolve
}

/** All addresses of a name. Rejects where there are none. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>

type Question = Parameters<HttpProbe>[0]

/**
 * Sends one request and says what came back; never throws, never follows a redirect. Where a connection goes is checked on
 * the address that it is made to: a public name may lead to any, and to another one when it is asked again.
 */
export function createAsk({ allowedRanges, resolve = createResolve() }: AskOptions = {}): HttpProbe {
  const refusalOf = createRefusal(allowedRanges)
  return async (question) => {
    try {
      return await exchange(
        question,
        (address) => {
          const refusal = refusalOf(address, question.to)
          if (refusal !== undefined) throw new Error(refusal)
        },
        resolve,
      )
    } catch (error) {
      return { type: 'NoAnswer', message: describe(error, question) }
    }
  }
}

/**
 * DNS by a resolver of our own. `dns.lookup` takes one of the four threads of Node's pool for as long as a name server is
 * silent, and every call to AWS needs one: four names that lead nowhere would keep the operator from all of them.
 */
export function createResolve(servers?: readonly string[]): Resolve {
  const resolver = new Resolver(DNS)
  if (servers) resolver.setServers(servers)
  return async (hostname) => {
    const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
    const addresses = [
      ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 })) : []),
      ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 })) : []),
    ]
    if (addresses.length === 0 && four.status === 'rejected') throw four.reason
    return addresses
  }
}

/** Checks all that a name leads to before a connection is made to any of it. */
function guarded(resolve: Resolve, check: (address: string) => void): LookupFunction {
  const find = async (hostname: string): Promise<[LookupAddress, ...LookupAddress[]]> => {
    const [first, ...others] = await resolve(hostname)
    if (!first) throw new Error(`${hostname} has no address`)
    for (const { address } of [first, ...others]) check(address)
    return [first, ...others]
  }
  return (hostname, { all }, callback) => {
    find(hostname).then(
      (addresses) =>
        all ? callback(null, addresses) : callback(null, addresses[0].address, addresses[0].family),
      (error: unknown) => callback(error as Error, ''),
    )
  }
}

async function exchange(
  { url, method, headers, body, timeoutMs, signal, readBytes }: Question,
  check: (address: string) => void,
  resolve: Resolve,
): Promise<ProbeAnswer> {
  const target = new URL(url)
  // An address needs no lookup, so the guard of the lookup would not see it.
  check(target.hostname.replace(/^\[|\]$/g, ''))
  const startedAt = performance.now()
  const { promise, resolve: answer, reject } = Promise.withResolvers<ProbeAnswer>()
  const { request: send } = target.protocol === 'https:' ? https : http
  const request = send(target, {
    method,
    headers: framed(headers, body),
    agent: false,
    lookup: guarded(resolve, check),
  })
  // The socket's own timeout restarts with every byte; this one is over the whole exchange.
  const timer = setTimeout(() => reject(new Error(timeoutText(peerOf(target), timeoutMs))), timeoutMs)
  const giveUp = (): void => reject(new Error('it was not waited for any more'))
  if (signal?.aborted) giveUp()
  signal?.addEventListener('abort', giveUp, { once: true })
  request.once('error', reject)
  // Without a listener Node destroys the socket and tells nobody.
  request.once('upgrade', (_, socket) => {
    socket.destroy()
    reject(new Error('the server switched to another protocol'))
  })
  request.once('response', (response) => {
    readBody(response, readBytes).then(
      (text) =>
        answer({
          type: 'Answered',
          status: response.statusCode ?? 0,
          headers: flat(response.headers),
          body: text,
          latencyMs: performance.now() - startedAt,
        }),
      reject,
    )
  })
  request.end(body)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
    // A late error of a connection that nobody waits for any more must not end the process.
    request.on('error', () => undefined)
    request.destroy()
  }
}

async function readBody(response: http.IncomingMessage, wanted?: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (wanted !== undefined && length > wanted) {
      chunks.push(chunk.subarray(0, chunk.length - (length - wanted)))
      break
    }
    if (length > MAX_BODY_BYTES) throw new Error(`the body is longer than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function framed(headers: Record<string, string>, body: string | undefined): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => !FRAMING.has(name.toLowerCase()))
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  return { ...Object.fromEntries(own), ...length }
}

function flat(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
}

function describe(error: unknown, { url }: Question): string {
  const { message } = error as Partial<Error>
  if (!URL.canParse(url)) return message ?? String(error)
  const peer = peerOf(new URL(url))
  if (message === 'aborted') return `${peer} closed the connection in the middle of the answer`
  return connectionText(error, peer) ?? message ?? String(error)
}
