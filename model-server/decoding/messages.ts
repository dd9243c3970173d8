/** What a thread that decodes bodies and the thread that asks it say to each other. */
import type { ErrorCode, RefusalStatus } from '../http/error-codes.ts'
import type { Asked, Decoded } from './decoders.ts'

/** One body; a thread gets the next after it answered. */
export type DecodeRequest = {
  form: keyof Decoded
  body: Uint8Array
  model: Asked
  jsonLength: string | undefined
}

export type DecodeAnswer =
  | { type: 'Decoded'; decoded: Decoded[keyof Decoded] }
  | { type: 'Refused'; status: RefusalStatus; code: ErrorCode; message: string }
  | { type: 'Failed'; error: Error }
