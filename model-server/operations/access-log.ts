/** One line for each request, as pino would write it, from a buffer that a slow reader of the log can neither stall nor grow. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessLogMode } from '../config/logging.ts'
import type { LineSink } from './line-sinks.ts'
import { whenEnded } from '../http/when-ended.ts'
import type { RequestContext } from './request-context.ts'

/** What became of a request; `status` is 499 where the client left before its answer was out. */
export type Ending = {
  method: string
  /** Without its query, which may hold what is nobody's business. */
  path: string
  status: number
  requestBytes: number | undefined
  responseBytes: number | undefined
}

/** A client can make its line no longer. */
const MAX_PATH = 256

/** Writes what its mode asks for. */
export class AccessLog {
  readonly #mode: AccessLogMode
  readonly #minLevel: number
  readonly #sink: LineSink
  /** The part of the line that never changes. */
  readonly #release: string

  /** @param minLevel of pino, below which no line is written */
  constructor(
    mode: AccessLogMode,
    { color, minLevel }: { color: string | undefined; minLevel: number },
    sink: LineSink,
  ) {
    this.#mode = mode
    this.#minLevel = minLevel
    this.#sink = sink
    this.#release = color === undefined ? '' : `"color":"${color}",`
  }

  /** Write the line once the answer is out, or its client gone. */
  follow(context: RequestContext, request: IncomingMessage, response: ServerResponse): void {
    if (this.#mode === 'off') return
    // Taken now: express rewrites `url` while it routes.
    const { method = '', url = '' } = request
    whenEnded(response, () => {
      const status = response.writableFinished ? response.statusCode : 499
      const query = url.indexOf('?')
      this.write(context, {
        method,
        path: query < 0 ? url : url.slice(0, query),
        status,
        requestBytes: byteCount(request.headers['content-length']),
        responseBytes: byteCount(response.getHeader('content-length')),
      })
    })
  }

  /**
   * Write the line, if the mode asks for it. By hand, for pino takes 2 us where this takes 0.6: all strings that a client could have
   * a say in were checked when they were taken (ids), come from the configuration (names), or are escaped (method, path).
   */
  write(context: RequestContext, ending: Ending): void {
    const { method, status, requestBytes, responseBytes } = ending
    if (!this.#wants(method, status)) return
    const { trace, asked } = context
    const took = Math.round((performance.now() - context.startedMs) * 1000) / 1000
    let line = `{"level":${levelOf(status)},"time":${Date.now()},"requestId":"${context.id}",`
    if (trace) {
      line += `"traceId":"${trace.traceId}","spanId":"${trace.spanId}","parentSpanId":"${trace.parentSpanId}",`
    }
    if (asked)
      line += `"protocol":"${asked.protocol}","model":"${asked.model.name}","version":"${asked.model.version}",`
    line += `${this.#release}"method":"${method}","path":${JSON.stringify(ending.path.slice(0, MAX_PATH))},"status":${status},"durationMs":${took},`
    if (asked?.call.rows !== undefined) line += `"rows":${asked.call.rows},`
    if (requestBytes !== undefined) line += `"requestBytes":${requestBytes},`
    if (responseBytes !== undefined) line += `"responseBytes":${responseBytes},`
    this.#sink.write(`${line}"msg":"Request"}\n`)
  }

  #wants(method: string, status: number): boolean {
    if (levelOf(status) < this.#minLevel) return false
    switch (this.#mode) {
      case 'all':
        return true
      case 'requests':
        return isNews(method, status)
      case 'errors':
        return status >= 400 && isNews(method, status)
      case 'off':
        return false
    }
  }
}

/** As pino counts them: what the server could not do is a warning, everything else is information. */
function levelOf(status: number): number {
  return status >= 500 ? 40 : 30
}

function byteCount(header: string | number | string[] | undefined): number | undefined {
  const count = Number(header)
  return header === undefined || !Number.isSafeInteger(count) || count < 0 ? undefined : count
}

/** Whoever looks and finds all well, or the model not there yet, is told again and again what the log says once. */
function isNews(method: string, status: number): boolean {
  return (method !== 'GET' && method !== 'HEAD') || (status >= 400 && status !== 503)
}
