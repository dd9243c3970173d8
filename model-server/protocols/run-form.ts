/** Forms with one file, as `curl -F file=@clip.mp4` sends them (RFC 7578): the file goes to disk as it comes. */
import { createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Busboy, BusboyFileStream, BusboyHeaders } from '@fastify/busboy'
import type { Form } from '../handlers/handler.ts'
import type { Upload } from '../handlers/upload-folder.ts'
import type { HeldBytes } from '../http/body-budget.ts'
import { RequestError } from '../http/request-error.ts'
import { wantBody } from '../http/unread-body.ts'
import { Base64Decoder, isBase64 } from './base64-part.ts'

/** What a form may be. */
export type FormRules = {
  fileField: string
  textFields: readonly string[]
  maxFileBytes: number
  /** Where the file goes; whoever made its folder removes it. */
  upload: Pick<Upload, 'folder' | 'takeRoom'>
  /** Holds room for the texts. */
  held: Pick<HeldBytes, 'take'>
  /** Its reason ends the reading. */
  signal: AbortSignal
}

const MAX_TEXT_BYTES = 64 * 2 ** 10
const MAX_NAME_BYTES = 100
/** Of one part; a browser sends two lines. */
const MAX_HEADERS = 16
const MAX_HEADER_BYTES = 8 * 2 ** 10
/** What boundaries and headers add to the file and the texts, for a first look at content-length. */
const FRAMING_BYTES = 64 * 2 ** 10
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT'])

/**
 * Refuse by the headers alone what cannot be such a form.
 * @throws RequestError 415, 413
 */
export function checkFormHeaders(
  request: IncomingMessage,
  { maxFileBytes, textFields }: Pick<FormRules, 'maxFileBytes' | 'textFields'>,
): void {
  const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = request.headers
  if (type === undefined || !/^multipart\/form-data\s*(?:;|$)/i.test(type)) {
    throw new RequestError(415, `content-type: expected multipart/form-data, got ${type ?? 'none'}`)
  }
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new RequestError(415, `content-encoding: expected none for a form, got '${encoding}'`)
  }
  const most = maxFileBytes + textFields.length * MAX_TEXT_BYTES + FRAMING_BYTES
  if (Number(length ?? 0) > most) throw tooLarge(maxFileBytes, `a form of ${String(length)}`)
}

/**
 * The form, with its file in the folder. Once it is rejected, nothing writes to the folder any more.
 * @throws RequestError 400 naming the field; 413 for a file or a text that is too long; 503 where there is no room for the file
 */
export async function receiveForm(request: IncomingMessage, rules: FormRules): Promise<Form> {
  // Loaded with the first form: a server without a handler of files starts some 20 ms sooner.
  const { Busboy: Parser } = await import('@fastify/busboy')
  const reader = new FormReader(rules, Parser)
  try {
    return await reader.read(request)
  } finally {
    await reader.stop()
  }
}

class FormReader {
  readonly #rules: FormRules
  readonly #Parser: typeof Busboy
  readonly #fields: Record<string, string> = {}
  readonly #stopped = new AbortController()
  readonly #end = Promise.withResolvers<undefined>()
  #file: Promise<Form['file']> | undefined

  constructor(rules: FormRules, Parser: typeof Busboy) {
    this.#rules = rules
    this.#Parser = Parser
  }

  async read(request: IncomingMessage): Promise<Form> {
    const { signal, upload, fileField } = this.#rules
    const parser = this.#parser(request)
    const abort = (): void => this.#end.reject(signal.reason)
    const brokeOff = (): void => {
      if (!request.complete) this.#end.reject(new RequestError(400, 'the body: it broke off'))
    }
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    request.once('close', brokeOff)
    if (request.destroyed) brokeOff()
    wantBody(request)
    request.pipe(parser)
    try {
      await this.#end.promise
      const file = await this.#file
      if (!file) throw new RequestError(400, `field '${fileField}': missing; expected a file`)
      if (file.bytes === 0)
        throw new RequestError(400, `field '${fileField}': expected a file, got an empty one`)
      return { file, fields: this.#fields, folder: upload.folder }
    } finally {
      signal.removeEventListener('abort', abort)
      request.removeListener('close', brokeOff)
      // What is left is read and dropped, so that the client gets to the answer.
      request.unpipe(parser)
      request.resume()
    }
  }

  /** Resolves once the file is closed. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#file?.catch(() => undefined)
  }

  #parser({ headers }: IncomingMessage): InstanceType<typeof Busboy> {
    const { textFields, maxFileBytes } = this.#rules
    let parser: InstanceType<typeof Busboy>
    try {
      parser = new this.#Parser({
        headers: headers as BusboyHeaders,
        limits: {
          fieldNameSize: MAX_NAME_BYTES,
          fieldSize: MAX_TEXT_BYTES,
          fields: textFields.length + 1,
          files: 1,
          fileSize: maxFileBytes,
          parts: textFields.length + 2,
          headerPairs: MAX_HEADERS,
          headerSize: MAX_HEADER_BYTES,
        },
      })
    } catch (cause) {
      throw new RequestError(400, `content-type: ${(cause as Error).message}`, { cause })
    }
    const tooMany = (): void => this.#refuse(400, `the form: expected ${this.#expected}, got more`)
    parser.on('file', (name, stream, _, encoding) => this.#takeFile(name, stream, encoding))
    parser.on('field', (...[name, value, , cut, encoding]) => {
      this.#takeText(name, isBase64(encoding) ? Buffer.from(value, 'base64').toString() : value, cut)
    })
    parser.on('partsLimit', tooMany).on('filesLimit', tooMany).on('fieldsLimit', tooMany)
    parser.on('error', (cause) => this.#refuse(400, `the body: ${(cause as Error).message}`))
    parser.on('finish', () => this.#end.resolve(undefined))
    return parser
  }

  #takeFile(name: string | undefined, stream: BusboyFileStream, encoding: string): void {
    const { fileField, upload, maxFileBytes } = this.#rules
    // Without a listener the end of a body in the middle of a file would end the process.
    stream.on('error', () => undefined)
    if (name !== fileField) {
      stream.resume()
      this.#refuse(400, `field '${shortened(name)}': unexpected file; expected ${this.#expected}`)
      return
    }
    stream.once('limit', () => this.#end.reject(tooLarge(maxFileBytes, 'more')))
    stream.on('data', (chunk: Buffer) => {
      if (!upload.takeRoom(chunk.length)) this.#end.reject(noRoom())
    })
    const decoders = isBase64(encoding) ? [new Base64Decoder()] : []
    this.#file = save([stream, ...decoders], join(upload.folder, 'upload'), this.#stopped.signal)
    this.#file.catch((error: unknown) => this.#end.reject(error))
  }

  #takeText(name: string, value: string, cut: boolean): void {
    const { textFields, fileField } = this.#rules
    if (name === fileField) {
      this.#refuse(400, `field '${fileField}': expected a file, got text (with curl: -F ${fileField}=@PATH)`)
    } else if (!textFields.includes(name)) {
      this.#refuse(400, `field '${shortened(name)}': unknown; expected ${this.#expected}`)
    } else if (Object.hasOwn(this.#fields, name)) {
      this.#refuse(400, `field '${name}': given twice`)
    } else if (cut) {
      this.#refuse(413, `field '${name}': expected at most ${MAX_TEXT_BYTES} bytes, got more`)
    } else {
      this.#keepText(name, value)
    }
  }

  #keepText(name: string, value: string): void {
    try {
      this.#rules.held.take(value.length)
      this.#fields[name] = value
    } catch (error) {
      this.#end.reject(error)
    }
  }

  get #expected(): string {
    const { fileField, textFields } = this.#rules
    const texts = textFields.map((name) => `'${name}'`).join(', ')
    return `a file in '${fileField}'${texts === '' ? '' : ` and text in ${texts}`}`
  }

  #refuse(status: 400 | 413, message: string): void {
    this.#end.reject(new RequestError(status, message))
  }
}

async function save(
  streams: readonly [Readable, ...Transform[]],
  path: string,
  signal: AbortSignal,
): Promise<Form['file']> {
  const target = createWriteStream(path, { flags: 'wx', mode: 0o600 })
  try {
    await pipeline([...streams, target], { signal })
    return { path, bytes: target.bytesWritten }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (!DISK_FULL.has(code ?? '')) throw cause
    throw noRoom(cause)
  }
}

function noRoom(cause?: unknown): RequestError {
  return new RequestError(503, 'there is no room for the file now; try again later', {
    code: 'no_room',
    cause,
  })
}

function tooLarge(maxBytes: number, got: string): RequestError {
  return new RequestError(413, `the file: expected at most ${maxBytes} bytes (MAX_UPLOAD_BYTES), got ${got}`)
}

function shortened(name: string | undefined): string {
  return (name ?? '').slice(0, 40)
}
