import { expect, test } from '@jest/globals'
import { ERROR_CODES, codeOf } from './error-codes.ts'
import { RequestError } from './request-error.ts'

test('every refusal has a code, of its status unless somebody knows better', () => {
  expect(new RequestError(404, 'why').code).toBe('model_not_found')
  expect(new RequestError(503, 'why', { code: 'queue_full' })).toMatchObject({
    status: 503,
    code: 'queue_full',
  })
  for (const { status } of Object.values(ERROR_CODES)) expect(ERROR_CODES[codeOf(status)].status).toBe(status)
})

test('codes are what they were: who looks at them need not change', () => {
  expect(Object.entries(ERROR_CODES).map(([code, { status }]) => `${code} ${status}`)).toEqual([
    'invalid_request 400',
    'unauthenticated 401',
    'forbidden 403',
    'model_not_found 404',
    'path_not_found 404',
    'method_not_allowed 405',
    'superseded 409',
    'too_large 413',
    'unsupported_type 415',
    'rejected 422',
    'model_failed 500',
    'not_supported 501',
    'not_ready 503',
    'queue_full 503',
    'no_room 503',
    'interrupted 503',
    'deadline_passed 504',
  ])
})
