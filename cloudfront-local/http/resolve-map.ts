/** Where a DNS name of an origin lives. Nothing here ever asks a resolver: an unmapped name has no address. */
import { isIP } from 'node:net'

/** `port` undefined: the port that the origin's configuration names. */
export type Address = { host: string; port?: number }

/** Read `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; undefined when it is none of them. */
export function parseAddress(text: string): Address | undefined {
  if (isIP(text) !== 0) return { host: text }
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  if (match === null || isIP(host) === 0) return undefined
  if (match[3] === undefined) return { host }
  const port = Number(match[3])
  return port >= 1 && port <= 65535 ? { host, port } : undefined
}

/** Read `HOST=ADDRESS[:PORT]`; undefined when it is not of that form. */
export function parseResolveEntry(text: string): [name: string, address: Address] | undefined {
  const [name = '', ...rest] = text.split('=')
  const address = parseAddress(rest.join('='))
  return name === '' || address === undefined ? undefined : [name.toLowerCase(), address]
}
