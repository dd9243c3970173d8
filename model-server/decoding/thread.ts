/** A thread that decodes bodies, so that nobody else waits for a large one; decoding/decode-pool.ts starts it. */
import { parentPort } from 'node:worker_threads'
import { largeBuffers, withOwnBuffers } from '../execution/worker-protocol.ts'
import { RequestError } from '../http/request-error.ts'
import { DECODERS } from './decoders.ts'
import type { Decoded } from './decoders.ts'
import type { DecodeAnswer, DecodeRequest } from './messages.ts'

if (!parentPort) throw new Error('decoding/thread.ts is for a worker thread')
const port = parentPort

async function decode({ form, body, model, jsonLength }: DecodeRequest): Promise<Decoded[keyof Decoded]> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (form !== 'grpc') return DECODERS[form](bytes, model, jsonLength)
  const { decodeMessage } = await import('../protocols/grpc/message-bytes.ts')
  return decodeMessage(bytes, model)
}

async function answerTo(request: DecodeRequest): Promise<DecodeAnswer> {
  try {
    const decoded = await decode(request)
    return {
      type: 'Decoded',
      decoded: { ...decoded, inputs: withOwnBuffers(decoded.inputs) } as typeof decoded,
    }
  } catch (error) {
    if (error instanceof RequestError) {
      const { status, code, message } = error
      return { type: 'Refused', status, code, message }
    }
    return { type: 'Failed', error: error as Error }
  }
}

port.on('message', (request: DecodeRequest) => {
  void answerTo(request).then((answer) => {
    port.postMessage(answer, answer.type === 'Decoded' ? largeBuffers(answer.decoded.inputs) : [])
  })
})
