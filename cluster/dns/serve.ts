import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { decode, encode, type DecodedPacket } from 'dns-packet'
import { answerTo, type FindService } from './answer.ts'

/** Where to listen; port 0 means any free one. */
export interface Listening {
  readonly address: string
  readonly port: number
}

/** Answers DNS questions over UDP at one address and no other, until the socket is closed. Throws where that is taken. */
export async function serveDns({ address, port }: Listening, find: FindService): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (message, peer) => {
    void answerMessage(message, find).then((answer) => {
      // A pod that is gone by now needs no answer.
      if (answer !== undefined) socket.send(answer, peer.port, peer.address, () => undefined)
    })
  })
  socket.bind({ address, port, exclusive: true })
  await once(socket, 'listening')
  return socket
}

async function answerMessage(message: Buffer, find: FindService): Promise<Buffer | undefined> {
  const query = parse(message)
  const answer = query && (await answerTo(query, find))
  return answer && encode(answer)
}

/** Undefined for what is no DNS at all. */
function parse(message: Buffer): DecodedPacket | undefined {
  try {
    return decode(message)
  } catch {
    return undefined
  }
}
