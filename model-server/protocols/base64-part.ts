/** Parts of a form that say `Content-Transfer-Encoding: base64`, as clients that were made for mail send them. */
import { Transform } from 'node:stream'
import type { TransformCallback } from 'node:stream'

/** Whether a part is written in base64. */
export function isBase64(transferEncoding: string): boolean {
  return transferEncoding.toLowerCase() === 'base64'
}

/** Base64 in, what it stands for out. Four characters are three bytes, wherever the pieces are cut; line breaks are none. */
export class Base64Decoder extends Transform {
  #rest = ''

  override _transform(piece: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const text = this.#rest + piece.toString('latin1').replace(/\s+/g, '')
    const whole = text.length - (text.length % 4)
    this.#rest = text.slice(whole)
    done(null, Buffer.from(text.slice(0, whole), 'base64'))
  }

  override _flush(done: TransformCallback): void {
    done(null, Buffer.from(this.#rest, 'base64'))
  }
}
