import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Form } from '../handlers/handler.ts'
import { BodyBudget } from '../http/body-budget.ts'
import { RequestError } from '../http/request-error.ts'
import { checkFormHeaders, receiveForm } from './run-form.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const MAX_FILE_BYTES = 1000

type Seen = { form?: Form; content?: string; status?: number; message?: string }

let server: Server
let folder: string
let stop: AbortController
/** For pieces of a file. */
let room: number
/** For texts. */
let take: (bytes: number) => void
/** What came of each request, in turn. */
let seen: Promise<Seen>

async function look(request: IncomingMessage): Promise<Seen> {
  const rules = {
    fileField: 'file',
    textFields: ['top', 'mode'],
    maxFileBytes: MAX_FILE_BYTES,
    upload: { folder, takeRoom: (bytes: number) => bytes <= room },
    held: { take },
    signal: stop.signal,
  }
  try {
    checkFormHeaders(request, rules)
    const form = await receiveForm(request, rules)
    return { form, content: readFileSync(form.file.path, 'latin1') }
  } catch (error) {
    if (!(error instanceof RequestError)) throw error
    return { status: error.status, message: error.message }
  }
}

beforeEach(async () => {
  folder = scratchFolder('run-form')
  stop = new AbortController()
  room = Infinity
  take = () => undefined
  server = createServer((request, response) => {
    seen = look(request)
    void seen.then((result) => response.end(JSON.stringify(result)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function port(): number {
  return (server.address() as AddressInfo).port
}

async function post(body: FormData | string, headers: Record<string, string> = {}): Promise<Seen> {
  const response = await fetch(`http://127.0.0.1:${port()}`, { method: 'POST', body, headers })
  return (await response.json()) as Seen
}

/** A body with these parts, each with its headers; `end` leaves the body unfinished where it is empty. */
function raw(parts: readonly string[], end = '--X--\r\n'): Promise<Seen> {
  const body = parts.map((part) => `--X\r\n${part}\r\n`).join('') + end
  return post(body, { 'content-type': 'multipart/form-data; boundary=X' })
}

function part(name: string, value: string, more = ''): string {
  return `Content-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}`
}

const FILE = part('file', 'abc', '; filename="clip.mp4"')

function form(entries: Record<string, string | Blob>): FormData {
  const data = new FormData()
  for (const [name, value] of Object.entries(entries)) data.append(name, value)
  return data
}

test('a file and its texts, in any order', async () => {
  const { form: got, content } = await post(form({ top: '3', file: new Blob(['abc']), mode: 'ü' }))
  expect(got).toEqual({
    file: { path: join(folder, 'upload'), bytes: 3 },
    fields: { top: '3', mode: 'ü' },
    folder,
  })
  expect(content).toBe('abc')
})

test('the name that the client gives the file has no meaning', async () => {
  const { content } = await raw([part('file', 'abc', '; filename="../../../etc/cron.d/x"')])
  expect(content).toBe('abc')
  expect(readdirSync(folder)).toEqual(['upload'])
})

test('a file for which there is no room is refused', async () => {
  room = 9
  const file = new Blob(['x'.repeat(room + 1)])
  expect(await post(form({ file }))).toEqual({
    status: 503,
    message: 'there is no room for the file now; try again later',
  })
})

test('texts for which the bodies of all requests leave no room are refused', async () => {
  const budget = new BodyBudget(100)
  budget.hold().take(95)
  take = budget.hold().take
  expect(await post(form({ file: new Blob(['x']), top: 'much longer' }))).toMatchObject({ status: 503 })
})

test('a file of exactly the limit is taken', async () => {
  const { form: got } = await post(form({ file: new Blob(['x'.repeat(MAX_FILE_BYTES)]) }))
  expect(got?.file.bytes).toBe(MAX_FILE_BYTES)
})

test('bytes that look like a boundary, but are none, belong to the file', async () => {
  const { content } = await raw([part('file', 'a\r\n--Y\r\n--\r\n\r\n-', '; filename=a')])
  expect(content).toBe('a\r\n--Y\r\n--\r\n\r\n-')
})

describe('what is refused', () => {
  test.each<[string, () => Promise<Seen>, number, RegExp]>([
    [
      'another type',
      () => post('{}', { 'content-type': 'application/json' }),
      415,
      /^content-type: expected multipart\/form-data, got application\/json$/,
    ],
    [
      'a compressed form',
      () => post('', { 'content-type': 'multipart/form-data; boundary=X', 'content-encoding': 'gzip' }),
      415,
      /^content-encoding: expected none/,
    ],
    [
      'a type without boundary',
      () => post('', { 'content-type': 'multipart/form-data' }),
      400,
      /^content-type: .*Boundary not found/,
    ],
    ['an empty body', () => raw([], ''), 400, /^the body: Unexpected end/],
    ['a form without parts', () => raw([]), 400, /^field 'file': missing; expected a file$/],
    ['a form without the file', () => raw([part('top', '3')]), 400, /^field 'file': missing/],
    [
      'an empty file',
      () => raw([part('file', '', '; filename=a')]),
      400,
      /^field 'file': expected a file, got an empty one$/,
    ],
    [
      'text for the file',
      () => raw([part('file', 'abc')]),
      400,
      /^field 'file': expected a file, got text \(with curl: -F file=@PATH\)$/,
    ],
    [
      'the file in another field',
      () => raw([part('clip', 'abc', '; filename=a')]),
      400,
      /^field 'clip': unexpected file; expected a file in 'file' and text in 'top', 'mode'$/,
    ],
    ['two files', () => raw([FILE, FILE]), 400, /^the form: expected a file in 'file' .*, got more$/],
    ['an unknown text', () => raw([part('tops', '3'), FILE]), 400, /^field 'tops': unknown/],
    ['a name of the language', () => raw([part('__proto__', '3'), FILE]), 400, /^field '__proto__': unknown/],
    [
      'a text twice',
      () => raw([part('top', '3'), part('top', '4'), FILE]),
      400,
      /^field 'top': given twice$/,
    ],
    [
      'parts without end',
      () => raw(Array.from({ length: 100 }, () => 'X-Nothing: 1\r\n\r\nx')),
      400,
      /^the form: .*got more$/,
    ],
    [
      'headers without end',
      () => raw([`X: ${'x'.repeat(20_000)}\r\n${FILE}`]),
      400,
      /^field 'file': missing/,
    ],
    [
      'a text that is too long',
      () => raw([part('top', 'x'.repeat(70_000)), FILE]),
      413,
      /^field 'top': expected at most 65536 bytes, got more$/,
    ],
    [
      'a file that is too long',
      () => post(form({ file: new Blob(['x'.repeat(MAX_FILE_BYTES + 1)]) })),
      413,
      /^the file: expected at most 1000 bytes \(MAX_UPLOAD_BYTES\), got more$/,
    ],
    [
      'a form that is far too long, by its headers',
      () => post(form({ file: new Blob(['x'.repeat(300_000)]) })),
      413,
      /^the file: .*got a form of 300/,
    ],
    [
      'a form that ends in the middle of the file',
      () => raw([part('file', 'abc', '; filename=a')], ''),
      400,
      /^the body: Unexpected end/,
    ],
  ])('%s', async (_, send, status, message) => {
    const result = await send()
    expect(result).toMatchObject({ status, message: expect.stringMatching(message) })
  })
})

/** A client that sends the beginning of a file, and no more. */
async function beginUpload(): Promise<Socket> {
  const socket = connect(port(), '127.0.0.1')
  await once(socket, 'connect')
  const asked = once(server, 'request')
  socket.write(
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=X\r\nContent-Length: 900\r\n\r\n--X\r\n${FILE}`,
  )
  await asked
  return socket
}

test('a client that leaves in the middle of the file', async () => {
  const socket = await beginUpload()
  socket.destroy()
  expect(await seen).toEqual({ status: 400, message: 'the body: it broke off' })
})

test('a deadline that passes in the middle of the file: nothing writes any more', async () => {
  const socket = await beginUpload()
  stop.abort(new RequestError(504, 'too late'))
  expect(await seen).toEqual({ status: 504, message: 'too late' })
  socket.destroy()
})

test('parts in base64 are what they stand for', async () => {
  const content = Buffer.from(Uint8Array.from({ length: 200 }, (_, index) => index)).toString('latin1')
  const lines =
    Buffer.from(content, 'latin1')
      .toString('base64')
      .match(/.{1,75}/g) ?? []
  const part = (name: string, text: string): string =>
    `content-disposition: form-data; name="${name}"${name === 'file' ? '; filename="a"' : ''}\r\ncontent-transfer-encoding: BASE64\r\n\r\n${text}`
  const { form, content: saved } = await raw([
    part('mode', Buffer.from('grün').toString('base64')),
    part('file', lines.join('\r\n')),
  ])
  expect(form?.fields).toEqual({ mode: 'grün' })
  expect(saved).toBe(content)
  expect(form?.file.bytes).toBe(200)
})
