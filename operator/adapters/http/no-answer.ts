/** Why no answer came from somewhere, in words that name the place: one text for every client of the operator. */

import { oneLine } from '../../api/text.ts'

/** No usable answer came; a write may or may not have happened. The message names host, port and, where it is over, the time. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError'
}

/** Host and port of a URL, for example `cloudfront.amazonaws.com:443`. */
export function peerOf({ protocol, hostname, port }: PeerParts): string {
  return `${hostname}:${Number(port) > 0 ? port : protocol === 'http:' ? 80 : 443}`
}

export type PeerParts = { protocol: string; hostname: string; port?: number | string | undefined }

export function timeoutText(peer: string, timeoutMs: number): string {
  return `no answer from ${peer} within ${secondsText(timeoutMs)}`
}

/** What a failed connection means, with what the system calls it; undefined for an error that says nothing of a connection. */
export function connectionText(error: unknown, peer: string): string | undefined {
  const { code = '', errors = [], message: said = '', syscall = '' } = error as Partial<Failure>
  // Where a name has several addresses, Node reports one error that holds the others.
  if (errors.length > 0)
    return [...new Set(errors.map((one) => connectionText(one, peer) ?? String(one)))].join('; ')
  // What is no Error of the SDK's own realm, it wraps and loses the code.
  const message = oneLine(said.replace(/^AWS SDK error wrapper for (Error: )?/, ''))
  // What a name server says is no word of the peer: https://nodejs.org/api/dns.html#error-codes
  if (syscall.startsWith('query'))
    return MEANINGS[NAME_UNKNOWN.has(code) ? 'ENOTFOUND' : 'EAI_AGAIN']?.(peer, `(${message})`)
  return meaningOf(code, message, peer)
}

function meaningOf(code: string, message: string, peer: string): string | undefined {
  const known = Object.keys(MEANINGS).find((name) => name === code || message.includes(name))
  if (known !== undefined) return MEANINGS[known]?.(peer, `(${message.includes(known) ? message : known})`)
  if (isTls(code, message)) return `no TLS connection to ${peer} (${message})`
  if (code.startsWith('HPE_')) return `the answer of ${peer} is not HTTP (${message})`
  return /^E[A-Z]+$/.test(code) ? `no connection to ${peer} (${message})` : undefined
}

const NAME_UNKNOWN = new Set(['ENOTFOUND', 'ENODATA'])

type Failure = NodeJS.ErrnoException & AggregateError

/** What systems call a failure, https://nodejs.org/api/errors.html#common-system-errors, and what it means. */
const MEANINGS: Record<string, (peer: string, detail: string) => string> = {
  ECONNREFUSED: (peer, detail) => `${peer} refuses the connection ${detail}`,
  ENOTFOUND: (peer, detail) => `the name of ${peer} is not known to DNS ${detail}`,
  EAI_AGAIN: (peer, detail) => `DNS gives no answer about the name of ${peer} ${detail}`,
  ETIMEDOUT: (peer, detail) => `no connection to ${peer}: it does not answer ${detail}`,
  EHOSTUNREACH: (peer, detail) => `no route to ${peer} ${detail}`,
  ENETUNREACH: (peer, detail) => `no route to ${peer} ${detail}`,
  ECONNRESET: (peer, detail) => `${peer} closed the connection before it answered ${detail}`,
  EPIPE: (peer, detail) => `${peer} closed the connection before it answered ${detail}`,
  'socket hang up': (peer, detail) => `${peer} closed the connection before it answered ${detail}`,
}

/** Certificates that are not trusted have OpenSSL's codes without a common prefix: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
function isTls(code: string, message: string): boolean {
  return TLS_CODE.test(code) || /certificate|\bTLS\b|\bSSL\b|:ssl3?_/i.test(message)
}

const TLS_CODE = /^(EPROTO|ERR_(SSL|TLS)_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH)/

function secondsText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`
}
