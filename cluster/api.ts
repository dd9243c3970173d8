import { readFile } from 'node:fs/promises'
import { Agent, get, type RequestOptions } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { pauseFor } from './pause-for.ts'
import { clientFiles } from './certificates.ts'

/** The few reads that bringing a node up, looking at it and answering its DNS need. */
export interface Api {
  /** The answer's body, parsed; undefined on any failure. */
  read(path: string): Promise<unknown>
  /** Returns once the API server says of itself that it is ready. */
  ready(signal: AbortSignal): Promise<void>
  /** Returns once an object in the collection satisfies the predicate, told by a watch and not by asking again. */
  until(collection: string, predicate: (object: unknown) => boolean, signal: AbortSignal): Promise<void>
}

/** Talks to the API server at an address with a client's keys from a directory, by default the administrator's. */
export async function connect(address: string, pki: string, user = 'admin'): Promise<Api> {
  const files = clientFiles(pki, user)
  const [ca, cert, key] = await Promise.all(
    [files.ca, files.certificate, files.key].map((file) => readFile(file)),
  )
  const options: RequestOptions = { host: address, port: 6443, agent: new Agent({ ca, cert, key }) }
  return {
    read: (path) => read({ ...options, path, timeout: 5000 }),
    ready: (signal) => ready({ ...options, path: '/readyz', timeout: 5000 }, signal),
    until: (collection, predicate, signal) => until(options, collection, { predicate, signal }),
  }
}

async function read(options: RequestOptions): Promise<unknown> {
  try {
    const { status, body } = await exchange(options)
    return status === 200 ? parse(body) : undefined
  } catch {
    return undefined
  }
}

async function ready(options: RequestOptions, signal: AbortSignal): Promise<void> {
  for (;;) {
    const answer = await exchange(options).catch(() => undefined)
    if (answer?.status === 200) return
    // Nothing announces that a port is open, so this is asked for again; everything after it is watched.
    await pauseFor(100, signal)
  }
}

interface Awaited {
  readonly predicate: (object: unknown) => boolean
  readonly signal: AbortSignal
}

async function until(options: RequestOptions, collection: string, awaited: Awaited): Promise<void> {
  for (;;) {
    // Without a resourceVersion a watch begins with what exists, so nothing is missed between list and watch.
    const found = await watchOnce({ ...options, path: `${collection}?watch=1` }, awaited).catch(() => false)
    if (found) return
    await pauseFor(100, awaited.signal)
  }
}

async function watchOnce(options: RequestOptions, { predicate, signal }: Awaited): Promise<boolean> {
  const response = await respond({ ...options, signal })
  try {
    for await (const line of createInterface({ input: response })) {
      const event = parse(line) as { object?: unknown } | string
      if (typeof event === 'object' && predicate(event.object)) return true
    }
    return false
  } finally {
    response.destroy()
  }
}

function respond(options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = get(options, resolve)
    request.on('error', reject)
    request.on('timeout', () => request.destroy(new Error('timed out')))
  })
}

async function exchange(options: RequestOptions): Promise<{ status: number; body: string }> {
  const response = await respond(options)
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
