import { errorStatus } from '../model/model.ts'

/** HTTP status of the error codes of the data plane of KeyValueStores; CloudFront's own are in its model. */
const STATUS_OF: Readonly<Record<string, number>> = {
  AccessDeniedException: 403,
  ConflictException: 409,
  InternalServerException: 500,
  ResourceNotFoundException: 404,
  ServiceQuotaExceededException: 402,
  ValidationException: 400,
}

/** The HTTP status that belongs to an error code; undefined for codes that the emulator does not know. */
export function statusOf(code: string): number | undefined {
  return errorStatus(code) ?? STATUS_OF[code]
}
