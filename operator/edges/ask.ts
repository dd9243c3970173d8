/** The one HTTP client that asks models. Every request has a connection of its own, because edges and pods differ by connection. */
import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns'
import * as http from 'node:http'
import * as https from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { performance } from 'node:perf_hooks'
import type { Answer } from '../core/world.ts'
import { connectionText, peerOf, timeoutText } from './no-answer.ts'
import type { Ask } from './ports.ts'

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

/** Link-local addresses and the metadata services of clouds: whoever may write a release must not read a node's credentials. */
const FORBIDDEN = new BlockList()
FORBIDDEN.addSubnet('169.254.0.0', 16)
FORBIDDEN.addAddress('168.63.129.16') // Azure's wire server
FORBIDDEN.addAddress('100.100.100.200') // Alibaba Cloud
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6')
FORBIDDEN.addSubnet('fd00:ec2::', 32, 'ipv6') // AWS: instance metadata ::254, pod identity ::23
FORBIDDEN.addAddress('fd20:ce::254', 'ipv6') // Google Cloud
FORBIDDEN.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6') // 169.254.0.0/16 through NAT64

/** Whether an address must never be asked. IPv4-mapped IPv6 addresses count as the IPv4 address. */
export function isForbiddenAddress(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && FORBIDDEN.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

class ForbiddenAddressError extends Error {
  constructor(address: string) {
    super(`${address} is a link-local or metadata address, which is never asked`)
  }
}

type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[] | undefined) => void,
) => void

/** Checks what a name resolved to and not the name: a public name may lead to any address. */
export function guardLookup(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    // On failure Node leaves the addresses away, whatever its types say.
    resolve(hostname, { ...options, all: true }, (error, addresses = []) => {
      const forbidden = addresses.find(({ address }) => isForbiddenAddress(address))
      const problem = error ?? (forbidden && new ForbiddenAddressError(forbidden.address))
      const [first] = addresses
      if (problem || !first) callback(problem ?? new Error(`${hostname} has no address`), '')
      else if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

const guardedLookup = guardLookup(lookup)

type Question = Parameters<Ask>[0]

/** Sends one request and says what came back; never throws, never follows a redirect. */
export const ask: Ask = async (question) => {
  try {
    return await exchange(question)
  } catch (error) {
    return { type: 'NoAnswer', message: describe(error, question) }
  }
}

async function exchange({ url, method, headers, body, timeoutMs }: Question): Promise<Answer> {
  const target = new URL(url)
  const literal = target.hostname.replace(/^\[|\]$/g, '')
  // An address needs no lookup, so the guard of the lookup would not see it.
  if (isForbiddenAddress(literal)) throw new ForbiddenAddressError(literal)
  const startedAt = performance.now()
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const { request: send } = target.protocol === 'https:' ? https : http
  const request = send(target, {
    method,
    headers: framed(headers, body),
    agent: false,
    lookup: guardedLookup,
  })
  // The socket's own timeout restarts with every byte; this one is over the whole exchange.
  const timer = setTimeout(() => reject(new Error(timeoutText(peerOf(target), timeoutMs))), timeoutMs)
  request.once('error', reject)
  // Without a listener Node destroys the socket and tells nobody.
  request.once('upgrade', (_, socket) => {
    socket.destroy()
    reject(new Error('the server switched to another protocol'))
  })
  request.once('response', (response) => {
    readBody(response).then(
      (text) =>
        resolve({
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
    // A late error of a connection that nobody waits for any more must not end the process.
    request.on('error', () => undefined)
    request.destroy()
  }
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
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
