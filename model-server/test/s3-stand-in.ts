/**
 * The part of S3 that a model server asks for: GetObject over the wire, with the errors of AWS (S3 API reference, "Error
 * responses") and with signatures that are checked (Signature Version 4, "Authenticating requests: using the Authorization
 * header").
 *
 * Less than S3: buckets only in the path; no other operation, no range, no condition, no redirect to a region, no
 * checksum of the object; the clock of a request is not compared; versions are what the test says they are.
 */
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a client must sign with. */
export const ACCESS_KEY = { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }

type Refusal = { status: number; code: string; message: string }

/** A store; `objects` is by `bucket/key`, and by `bucket/key?versionId=…` for other versions than the newest. */
export class S3StandIn {
  readonly objects = new Map<string, Buffer>()
  /** The next answers, instead of what would be right. */
  readonly faults: ((response: ServerResponse) => void)[] = []
  readonly asked: string[] = []
  readonly #server = createServer((request, response) => this.#answer(request, response))

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://stand-in')
    const path = decodeURIComponent(url.pathname.slice(1))
    const versionId = url.searchParams.get('versionId')
    const name = versionId === null ? path : `${path}?versionId=${versionId}`
    this.asked.push(`${request.method ?? ''} ${name}`)

    const fault = this.faults.shift()
    if (fault) {
      fault(response)
      return
    }
    const bytes = this.objects.get(name)
    const refusal = signatureRefusal(request, url) ?? (bytes ? undefined : this.#missing(path, versionId))
    if (refusal || !bytes) {
      refuse(
        response,
        refusal ?? { status: 500, code: 'InternalError', message: 'We encountered an internal error.' },
      )
      return
    }
    response.writeHead(200, {
      'content-type': 'binary/octet-stream',
      'content-length': bytes.length,
      etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
      'x-amz-request-id': 'STANDIN',
    })
    response.end(bytes)
  }

  #missing(path: string, versionId: string | null): Refusal {
    const [bucket = ''] = path.split('/')
    if (![...this.objects.keys()].some((name) => name.startsWith(`${bucket}/`))) {
      return { status: 404, code: 'NoSuchBucket', message: 'The specified bucket does not exist' }
    }
    return versionId === null
      ? { status: 404, code: 'NoSuchKey', message: 'The specified key does not exist.' }
      : { status: 404, code: 'NoSuchVersion', message: 'The specified version does not exist.' }
  }
}

/** An error as S3 writes it. */
export function refuse(response: ServerResponse, { status, code, message }: Refusal): void {
  response.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': 'STANDIN' })
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>STANDIN</RequestId></Error>`,
  )
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=(?<id>[^/]+)\/(?<day>\d{8})\/(?<region>[^/]+)\/s3\/aws4_request, SignedHeaders=(?<signed>[^,]+), Signature=(?<signature>[0-9a-f]{64})$/

function signatureRefusal(request: IncomingMessage, url: URL): Refusal | undefined {
  const groups = AUTHORIZATION.exec(request.headers.authorization ?? '')?.groups
  if (!groups) return { status: 403, code: 'AccessDenied', message: 'Access Denied' }
  if (groups.id !== ACCESS_KEY.id) {
    return {
      status: 403,
      code: 'InvalidAccessKeyId',
      message: 'The AWS Access Key Id you provided does not exist in our records.',
    }
  }
  if (sign(request, url, groups) === groups.signature) return undefined
  return {
    status: 403,
    code: 'SignatureDoesNotMatch',
    message: 'The request signature we calculated does not match the signature you provided.',
  }
}

function sign(
  request: IncomingMessage,
  url: URL,
  { day, region, signed }: Record<string, string | undefined>,
): string {
  const names = (signed ?? '').split(';')
  const query = [...url.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&')
  const canonical = [
    request.method,
    url.pathname,
    query,
    ...names.map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    names.join(';'),
    request.headers['x-amz-content-sha256'],
  ].join('\n')
  const scope = `${day ?? ''}/${region ?? ''}/s3/aws4_request`
  const digest = createHash('sha256').update(canonical).digest('hex')
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, digest].join('\n')
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
  const dayKey = hmac(`AWS4${ACCESS_KEY.secret}`, day ?? '')
  const key = hmac(hmac(hmac(dayKey, region ?? ''), 's3'), 'aws4_request')
  return hmac(key, text).toString('hex')
}
