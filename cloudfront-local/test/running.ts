/** What tests of the running emulator share: one of it, the real SDKs in front, real servers behind, and their end. */
import { once } from 'node:events'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { text } from 'node:stream/consumers'
import {
  CloudFrontClient,
  DescribeFunctionCommand,
  PublishFunctionCommand,
  UpdateFunctionCommand,
} from '@aws-sdk/client-cloudfront'
import { CloudFrontKeyValueStoreClient } from '@aws-sdk/client-cloudfront-keyvaluestore'
import '@aws-sdk/signature-v4a'
import { afterEach, expect } from '@jest/globals'
import { problemsOf } from './conformance.ts'
import { startCloudFrontLocal } from '../start.ts'
import type { IncomingMessage, OutgoingHttpHeaders, RequestListener } from 'node:http'
import type { AddressInfo, LookupFunction, Server, Socket } from 'node:net'
import type { AuditEntry, CallEntry } from '../audit-log.ts'
import type { CloudFrontLocal, CloudFrontLocalOptions } from '../start.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Done after the test, the latest first. */
export function onEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export type Logged = { message: string; data: Record<string, unknown> | undefined }
export type Running = CloudFrontLocal & { logged: Logged[] }

/** An emulator whose edges apply everything at once, unless told otherwise. */
export async function start(options: CloudFrontLocalOptions = {}): Promise<Running> {
  const logged: Logged[] = []
  const none = { minMs: 0, maxMs: 0 }
  const strange: string[] = []
  const running = await startCloudFrontLocal({
    propagation: none,
    storePropagation: none,
    log: (message, data) => logged.push({ message, data }),
    inspect: (outcome) => strange.push(...problemsOf(outcome)),
    ...options,
  })
  // Whatever a test is about, what the control plane says must be what CloudFront's model has.
  onEnd(() => expect(strange).toEqual([]))
  onEnd(() => running.close(0))
  return { ...running, logged }
}

const ANYBODY = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  maxAttempts: 1,
}

/** The real SDK, pointed at the control plane. */
export function cloudFront({ apiUrl }: CloudFrontLocal): CloudFrontClient {
  const client = new CloudFrontClient({ ...ANYBODY, endpoint: apiUrl })
  onEnd(() => {
    client.destroy()
  })
  return client
}

/** Gives a function that exists other code and the store with this ARN, and publishes it. */
export async function publish(
  local: CloudFrontLocal,
  { name, code, store }: Record<'name' | 'code' | 'store', string>,
): Promise<void> {
  const sdk = cloudFront(local)
  const etag = async (): Promise<string | undefined> =>
    (await sdk.send(new DescribeFunctionCommand({ Name: name }))).ETag
  const Items = [{ KeyValueStoreARN: store }]
  const update = new UpdateFunctionCommand({
    Name: name,
    FunctionConfig: {
      Comment: '',
      Runtime: 'cloudfront-js-2.0',
      KeyValueStoreAssociations: { Quantity: 1, Items },
    },
    FunctionCode: Buffer.from(code),
    IfMatch: await etag(),
  })
  await sdk.send(update)
  await sdk.send(new PublishFunctionCommand({ Name: name, IfMatch: await etag() }))
}

/** The real SDK of the data plane. It puts the account's number before the host, so every name must lead here. */
export function keyValueStore({ ports }: CloudFrontLocal): CloudFrontKeyValueStoreClient {
  const lookup: LookupFunction = (_, options, done) => {
    if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }])
    else done(null, '127.0.0.1', 4)
  }
  const client = new CloudFrontKeyValueStoreClient({
    ...ANYBODY,
    endpoint: `http://kvs.example:${ports.api}`,
    requestHandler: { httpAgent: new Agent({ lookup }) },
  })
  onEnd(() => {
    client.destroy()
  })
  return client
}

/** Code and status with which an API refused; fails when it did not. */
export async function refusal(work: Promise<unknown>): Promise<{ code: string; status: number | undefined }> {
  try {
    await work
  } catch (error) {
    const { name, $metadata } = error as { name: string; $metadata?: { httpStatusCode?: number } }
    return { code: name, status: $metadata?.httpStatusCode }
  }
  throw new Error('it was accepted')
}

/** Throws when the admin API refuses. */
export async function admin(
  { adminUrl }: CloudFrontLocal,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await fetch(`${adminUrl}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.status === 204 ? undefined : answer.json()
}

/** The calls of the audit log, without those of the admin API. */
export function calls(running: CloudFrontLocal): (CallEntry & { sequence: number })[] {
  const isCall = (entry: AuditEntry): entry is AuditEntry & CallEntry =>
    entry.type === 'Call' && entry.via === 'Api'
  return running.audit().filter(isCall)
}

export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A real HTTP server as the origin; resolves to its port. */
export async function origin(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  onEnd(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return listen(server)
}

/** A server that speaks bytes, for answers that node:http would not give. */
export async function rawOrigin(listener: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    listener(socket)
  })
  onEnd(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return listen(server)
}

export const says =
  (body: string): RequestListener =>
  (request, response) => {
    request.resume()
    response.end(body)
  }

/** Host of the distributions in these tests. */
export const HOST = 'models.example.com'

export type Ask = {
  method?: string
  path?: string
  headers?: OutgoingHttpHeaders
  body?: string
  agent?: Agent
}
export type Told = { status: number; headers: IncomingMessage['headers']; body: string }

/** One request of a viewer. */
export async function ask(
  url: string | undefined,
  { method = 'GET', path = '/', headers, body, agent }: Ask = {},
): Promise<Told> {
  const request = httpRequest(url ?? '', {
    method,
    path,
    headers: { host: HOST, ...headers },
    ...(agent === undefined ? {} : { agent }),
  })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }
}

export function keepAlive(maxSockets: number): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets })
  onEnd(() => {
    agent.destroy()
  })
  return agent
}

export function latch(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open }
}

/** What the SDK's types allow to be missing and an answer must have. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('missing in the answer')
  return value
}
