import { isDeepStrictEqual } from 'node:util'
import http from 'node:http'
import https from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'

/** One request to the API server. */
export type ApiCall = {
  /** GET when absent. */
  readonly method?: string
  /** Path with its query, from the root of the API server: `/api/v1/pods?limit=500`. */
  readonly path: string
  /** Media types asked for; JSON when absent. */
  readonly accept?: string
  /** Media type of the body; JSON when absent. */
  readonly contentType?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Until the last byte of the answer, in milliseconds. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** What the API server said, whatever the status. */
export type ApiAnswer = {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** The API server refused: `status` is HTTP's, `reason` the machine-readable one of its metav1.Status. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly reason: string | undefined

  constructor(status: number, message: string, reason?: string) {
    super(message)
    this.status = status
    this.reason = reason
  }
}

/** A write that was not sent, because this process may no longer write. */
export class NotLeaderError extends Error {
  override readonly name = 'NotHeldError'

  constructor(call: ApiCall) {
    super(`${call.method ?? 'GET'} ${call.path} was not sent: the lease is not held any more`)
  }
}

/** The API server did not answer in time; whether a write happened is unknown. */
export class ApiTimeoutError extends Error {
  override readonly name = 'ApiTimeoutError'
}

/** What we need of a KubeConfig: where the API server is, and how to authenticate. */
export type Credentials = Pick<KubeConfig, 'getCurrentCluster' | 'applyToHTTPSOptions'>

/** How the transport behaves; every field has a default. */
export type AccessOptions = {
  /** Default 30,000 ms. */
  readonly readTimeoutMs?: number
  /**
   * Default 5,000 ms, on purpose: a write that starts just before the renew deadline (10 s) of a lease is
   * over before the lease itself (15 s) can pass to another.
   */
  readonly writeTimeoutMs?: number
  /** Asked for every request but GET and HEAD, when its connection stands and before its first byte leaves. */
  readonly mayWrite?: () => boolean
  /** How we are named in the API server's audit log. */
  readonly userAgent?: string
}

/**
 * The way to the API server: the kubeconfig's authentication and certificates over one keep-alive agent, with a limit
 * on the time of every request. It is on node:https because client-node 2.0.1 makes a new undici Agent, so a new TLS
 * connection, for each request (createDispatcher in its config.js is not cached), and has no timeouts.
 */
export class ApiClient {
  readonly #kubeConfig: Credentials
  readonly #options: AccessOptions
  readonly #agents: AgentOfCredentials

  constructor(kubeConfig: Credentials, options: AccessOptions = {}, agents = new AgentOfCredentials()) {
    this.#kubeConfig = kubeConfig
    this.#options = options
    this.#agents = agents
  }

  /** The same connections, with every write subject to `mayWrite`. */
  guarded(mayWrite: () => boolean): ApiClient {
    return new ApiClient(this.#kubeConfig, { ...this.#options, mayWrite }, this.#agents)
  }

  /**
   * Sends a request and reads the whole answer; any status is an answer.
   * @throws ApiTimeoutError, NotHeldError, or the socket's own error.
   */
  async request(call: ApiCall): Promise<ApiAnswer> {
    const timeoutMs = call.timeoutMs ?? this.#timeoutOf(call)
    using limit = new Limit(call.signal)
    limit.abortAfter(
      timeoutMs,
      () => new ApiTimeoutError(`${called(call)} had no answer within ${timeoutMs} ms`),
    )
    const once = async () => {
      const response = await this.#open(call, limit.signal)
      return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }
    }
    try {
      return await once().catch((error: unknown) => {
        // The server may close an idle connection at the moment we reuse it; only a read can be repeated blindly.
        if (isWrite(call) || limit.signal.aborted || !isClosedConnection(error)) throw error
        return once()
      })
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error
    }
  }

  /**
   * Sends a request and hands over the answer as soon as its head is there. Nothing limits its time but `signal`,
   * which also ends the body.
   */
  stream(call: ApiCall): Promise<http.IncomingMessage> {
    return this.#open(call, call.signal)
  }

  /** Closes the idle connections; those in use end with their requests. */
  close(): void {
    this.#agents.close()
  }

  #timeoutOf(call: ApiCall): number {
    return isWrite(call) ? (this.#options.writeTimeoutMs ?? 5_000) : (this.#options.readTimeoutMs ?? 30_000)
  }

  async #open(call: ApiCall, signal: AbortSignal | undefined): Promise<http.IncomingMessage> {
    const cluster = this.#kubeConfig.getCurrentCluster()
    if (!cluster) {
      throw new Error(
        'the kubeconfig has no current cluster; set its current-context, or KUBECONFIG to another file',
      )
    }
    const url = new URL(cluster.server.replace(/\/$/, '') + call.path)
    const credentials: https.RequestOptions = {}
    // Asked each time: tokens and certificate files rotate, and client-node knows when to read them again.
    await this.#kubeConfig.applyToHTTPSOptions(credentials)
    const agent = cluster.proxyUrl ? credentials.agent : this.#agents.of(url, credentials)
    const request = (url.protocol === 'http:' ? http : https).request(url, {
      ...credentials,
      agent,
      signal,
      method: call.method ?? 'GET',
      headers: {
        'User-Agent': this.#options.userAgent ?? 'operator',
        ...(credentials.headers as http.OutgoingHttpHeaders | undefined),
        ...headersOf(call),
      },
    })
    return new Promise((resolve, reject) => {
      request.once('response', resolve)
      // Stays for the life of the request: an error after the answer has begun reaches us through the answer.
      request.on('error', reject)
      this.#sendOnceConnected(request, call)
    })
  }

  /**
   * Holds the request back until its connection stands, and asks only then whether it may be sent. A process that was
   * stopped while connecting would otherwise wake up and write, long after it lost its lease.
   */
  #sendOnceConnected(request: http.ClientRequest, call: ApiCall): void {
    const send = () => {
      if (isWrite(call) && this.#options.mayWrite?.() === false) {
        request.destroy(new NotLeaderError(call))
        return
      }
      request.end(call.body)
    }
    request.once('socket', (socket) => {
      if (!socket.connecting) {
        send()
        return
      }
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', send)
    })
  }
}

/** The body of an answer that succeeded. @throws ApiError for any status that is not 2xx. */
export function expectOk(answer: ApiAnswer): string {
  if (answer.status >= 200 && answer.status < 300) return answer.body
  throw apiError(answer.status, answer.body)
}

/** The error that a refused request stands for; says so when the body is not a metav1.Status. */
export function apiError(status: number, body: string): ApiError {
  try {
    const { message, reason } = JSON.parse(body) as { message?: string; reason?: string }
    if (message) return new ApiError(status, message, reason)
  } catch {
    // Proxies and load balancers answer with pages of their own.
  }
  return new ApiError(status, `the API server answered ${status}: ${body.slice(0, 200)}`)
}

/** All of a body, as text. */
export async function text(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let whole = ''
  for await (const chunk of response) whole += chunk as string
  return whole
}

const TLS_FIELDS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const

/** One agent, made anew only when the certificates change. */
class AgentOfCredentials {
  #agent: http.Agent | undefined
  #tls: Partial<Record<(typeof TLS_FIELDS)[number], unknown>> = {}

  of(url: URL, credentials: https.RequestOptions): http.Agent {
    const tls = Object.fromEntries(
      TLS_FIELDS.filter((field) => credentials[field] !== undefined).map((field) => [
        field,
        credentials[field],
      ]),
    )
    if (this.#agent && isDeepStrictEqual(tls, this.#tls)) return this.#agent
    this.close()
    this.#tls = tls
    const options = {
      ...tls,
      keepAlive: true,
      // Of the connection too: Linux asks a peer that is silent for so long, ten times a second apart, whether it is there.
      keepAliveMsecs: 15_000,
      maxFreeSockets: 4,
      scheduling: 'lifo' as const,
    }
    this.#agent = url.protocol === 'http:' ? new http.Agent(options) : new https.Agent(options)
    return this.#agent
  }

  /** Only idle sockets: destroy() of the agent would also cut the requests that are under way. */
  close(): void {
    for (const sockets of Object.values(this.#agent?.freeSockets ?? {})) {
      for (const socket of sockets ?? []) socket.destroy()
    }
  }
}

/** A signal that follows another and a timer, and lets go of both when it is disposed. */
class Limit {
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #follow = () => {
    this.#controller.abort(this.#outer?.reason)
  }

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer
    if (outer?.aborted) this.#follow()
    outer?.addEventListener('abort', this.#follow, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abortAfter(ms: number, reason: () => Error): void {
    this.#timer = setTimeout(() => {
      this.#controller.abort(reason())
    }, ms)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#follow)
  }
}

function headersOf(call: ApiCall): Record<string, string> {
  return {
    Accept: call.accept ?? 'application/json',
    ...(call.body === undefined
      ? {}
      : {
          'Content-Type': call.contentType ?? 'application/json',
          'Content-Length': String(Buffer.byteLength(call.body)),
        }),
    ...call.headers,
  }
}

function isWrite(call: ApiCall): boolean {
  return !['GET', 'HEAD'].includes(call.method ?? 'GET')
}

function isClosedConnection(error: unknown): boolean {
  return ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')
}

function called(call: ApiCall): string {
  return `${call.method ?? 'GET'} ${call.path}`
}
