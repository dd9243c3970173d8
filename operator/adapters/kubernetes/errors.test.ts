import { describe, expect, test } from '@jest/globals'
import { translateFailure, translateStatus, type Request } from './errors.ts'
import { DEPLOYMENTS, PODS } from './resources.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'

const create: Request = {
  verb: 'create',
  resource: DEPLOYMENTS,
  place: { namespace: 'models', name: 'housing-blue' },
}
const list: Request = { verb: 'list', resource: PODS, place: { namespace: 'models' } }

function answer(status: number, body: unknown = {}): { status: number; body: string } {
  return { status, body: typeof body === 'string' ? body : JSON.stringify(body) }
}

describe('a status that passes by itself or says that the world changed', () => {
  test.each([
    [404, ConflictError],
    [409, ConflictError],
    [410, ConflictError],
    [401, TransientError],
    [429, TransientError],
    [500, TransientError],
    [503, TransientError],
    [504, TransientError],
  ])('%i', (status, kind) => {
    const error = translateStatus(create, answer(status, { message: 'said so' }))
    expect(error).toBeInstanceOf(kind)
    expect(error.message).toBe('create deployments.apps models/housing-blue: said so')
    expect(error.cause).toBeInstanceOf(Error)
  })

  test('an answer that is not from an API server is quoted', () => {
    expect(translateStatus(list, answer(502, 'bad gateway\n')).message).toBe('list pods models: bad gateway')
  })

  test('an empty answer still names its status', () => {
    expect(translateStatus(list, answer(500, '')).message).toBe('list pods models: status 500')
  })
})

describe('a refusal of the spec', () => {
  test('422 names every field in the spec’s words, with the API server’s message', () => {
    const causes = [
      { field: 'spec.a', message: 'Invalid value: "x": must be y' },
      { field: 'spec.b', message: 'Required value' },
    ]
    const error = translateStatus(create, answer(422, { details: { causes } }), (field) => `named ${field}`)
    expect(error).toMatchObject({ name: 'RefusedError', reason: 'InvalidSpec' })
    expect(error.message).toBe(
      'named spec.a: Invalid value: "x": must be y; named spec.b: Required value ' +
        '(the API server refused to create deployments.apps models/housing-blue)',
    )
  })

  test('a complaint that quotes a whole object is shortened', () => {
    const causes = [{ field: 'patch', message: `Invalid value: ${'x'.repeat(5000)}` }]
    expect(translateStatus(create, answer(422, { details: { causes } })).message.length).toBeLessThan(650)
  })

  test('a strict decoding error names its field in the spec’s words', () => {
    const body = { message: 'strict decoding error: unknown field "spec.template.spec.contaners"' }
    const error = translateStatus(create, answer(400, body), (field) =>
      field.replace('spec.template', 'spec.model'),
    )
    expect(error).toBeInstanceOf(RefusedError)
    expect(error.message).toContain('unknown field "spec.model.spec.contaners"')
  })
})

describe('403', () => {
  const refused = (request: Request, body: unknown): Error => translateStatus(request, answer(403, body))

  test('from the authorizer names verb, resource and namespace to grant', () => {
    const message =
      'deployments.apps is forbidden: User "x" cannot create resource "deployments" in API group "apps"'
    const error = refused(create, { reason: 'Forbidden', message })
    expect(error).toMatchObject({ name: 'RefusedError', reason: 'AccessDenied' })
    expect(error.message).toContain('the operator may not create deployments.apps in namespace models')
    expect(error.message).toContain('verb "create"')
  })

  test('to a read can only come from the authorizer', () => {
    expect(refused(list, 'no')).toMatchObject({ reason: 'AccessDenied' })
  })

  test('from a quota or a policy is about the spec', () => {
    const error = refused(create, {
      message: 'deployments.apps "housing-blue" is forbidden: exceeded quota: small',
    })
    expect(error).toMatchObject({ name: 'RefusedError', reason: 'InvalidSpec' })
    expect(error.message).toContain('exceeded quota: small')
  })

  test('because the namespace is going passes by itself', () => {
    const causes = [{ reason: 'NamespaceTerminating' }]
    expect(refused(create, { message: 'is forbidden', details: { causes } })).toBeInstanceOf(TransientError)
  })
})

test('no answer is worth another try and keeps its cause', () => {
  const cause = new Error('socket hang up')
  const error = translateFailure(list, cause)
  expect(error).toBeInstanceOf(TransientError)
  expect(error.message).toBe('list pods models: no answer from the API server: socket hang up')
  expect(error.cause).toBe(cause)
})
