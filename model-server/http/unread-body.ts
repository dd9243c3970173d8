/** Answers to requests whose body was not read, or not to its end. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** Reading as much to drop it costs less than a new connection. */
const DROP_BYTES = 2 ** 20
/** A client that goes on sending beyond this, or for this long, is cut; by then it had the answer. */
const LINGER_BYTES = 2 ** 24
const LINGER_MS = 2_000

const held = new WeakMap<IncomingMessage, ServerResponse>()

/** For the server's event `checkContinue`: whoever asks before sending a body is told to send it by `wantBody`, and not before. */
export function holdContinue(app: RequestListener): RequestListener {
  return (request, response) => {
    held.set(request, response)
    app(request, response)
  }
}

/** The request was not refused: its body may come. */
export function wantBody(request: IncomingMessage): void {
  if (request.headers.expect === undefined) return
  held.get(request)?.writeContinue()
  held.delete(request)
}

/**
 * Send an answer whose status and headers are set. Node would read the rest of any body to keep the connection, so that a large
 * upload to a full queue floods it all the same. Closing at once is no better: the reset that follows makes the client lose the
 * answer. So the connection of a large one is closed, and a while is given to the client to read the answer and to stop.
 */
export function sendUnread(request: IncomingMessage, response: ServerResponse, body: string): void {
  response.setHeader('content-length', Buffer.byteLength(body))
  if (!isLarge(request)) {
    response.end(body)
    // Node drops what was never asked for, but waits for whoever began to read.
    request.resume()
    return
  }
  response.setHeader('connection', 'close')
  // A client that waits to be told sends none, but what it sends next could be taken for one.
  if (held.has(request)) {
    response.end(body)
    return
  }
  // Complete by its length; the end, which closes, waits.
  response.write(body)
  let left = LINGER_BYTES
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS)
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  })
  request.once('end', end)
  response.once('close', () => clearTimeout(timer))
  request.resume()
}

/** Whether more may come than should be read to no end; of a body in chunks nobody knows. */
function isLarge(request: IncomingMessage): boolean {
  const { 'transfer-encoding': encoding, 'content-length': length } = request.headers
  if (request.complete) return false
  return encoding !== undefined || Number(length ?? 0) > DROP_BYTES
}
