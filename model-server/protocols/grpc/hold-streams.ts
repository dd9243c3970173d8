/** Room for what comes over gRPC, in the one budget for all bodies. */
import { subscribe } from 'node:diagnostics_channel'
import { constants } from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { BodyBudget } from '../../http/body-budget.ts'
import { RequestError } from '../../http/request-error.ts'

/** What deflate makes of a byte at most (zlib's manual); how much it will be nobody knows before. */
const MAX_INFLATION = 1_032

/**
 * From now on every HTTP/2 stream of the process holds room for what came, until it ends: the library gathers messages itself and
 * shows them only when they are whole, and Node's channel is the one place where somebody else sees a stream. A message that is
 * compressed holds what it may become, at most the longest that is allowed.
 * @param refusal the status of gRPC for a call that there is no room for
 */
export function holdStreams(
  bodies: BodyBudget,
  { maxBodyBytes, refusal }: { maxBodyBytes: number; refusal: number },
): void {
  subscribe('http2.server.stream.created', (message) => {
    const { stream, headers } = message as { stream: ServerHttp2Stream; headers: IncomingHttpHeaders }
    const encoding = headers['grpc-encoding']
    const isPlain = encoding === undefined || encoding === 'identity'
    const held = bodies.hold()
    let inflated = 0
    const take = (chunk: Buffer): void => {
      const more = isPlain ? 0 : Math.min(chunk.length * MAX_INFLATION, maxBodyBytes - inflated)
      inflated += more
      try {
        held.take(chunk.length + more)
      } catch (error) {
        if (!(error instanceof RequestError)) throw error
        stream.off('data', take)
        refuse(stream, refusal, error.message)
      }
    }
    stream.on('data', take)
    stream.once('close', () => held.release())
  })
}

function refuse(stream: ServerHttp2Stream, status: number, message: string): void {
  if (!stream.headersSent) {
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': status,
        'grpc-message': message,
        'x-error-code': 'no_room',
      },
      { endStream: true },
    )
  }
  // Asks the client to stop; what it had to be told it was.
  stream.close(constants.NGHTTP2_NO_ERROR)
}
