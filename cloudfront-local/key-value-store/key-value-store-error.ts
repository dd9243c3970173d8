import { ApiError } from '../calls/api-error.ts'
import { statusOf } from '../calls/status-codes.ts'

/** An answer of the data plane that is an error, in its own code and status. */
export class KeyValueStoreError extends ApiError {
  constructor(code: string, message: string) {
    super(code, message, statusOf(code) ?? 400)
  }
}
