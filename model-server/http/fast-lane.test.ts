import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { housing, housingModel } from '../test/housing.ts'
import { ServerProcess } from '../test/server-process.ts'

const frame = JSON.stringify(housing.samples[0]?.request)
const tensor = { name: 'x', datatype: 'FP32', shape: [1, 6], data: [0, 6.575, 296, 15.3, 396.9, 4.98] }
const infer = JSON.stringify({ id: 'a', inputs: [tensor] })

let server: ServerProcess
let origin: string
beforeAll(async () => {
  server = new ServerProcess({
    MODEL_NAME: 'housing',
    MODEL_URI: housingModel('2').path,
    MODELRELEASE_COLOR: 'green',
    BASE_PATH: '/homes',
  })
  origin = await server.origin()
  await server.logged('Model loaded and warmed up')
})
afterAll(() => server.kill())

async function ask(path: string, body: string, type: string, method = 'POST'): Promise<unknown> {
  const headers = { 'content-type': type, 'x-request-id': 'mine' }
  const response = await fetch(`${origin}${path}`, {
    method,
    headers,
    ...(method === 'POST' ? { body } : {}),
  })
  const answered = Object.fromEntries([...response.headers].filter(([name]) => name !== 'date'))
  return { status: response.status, headers: answered, body: await response.text() }
}

describe('the answer that express found the way to is given again without it', () => {
  test.each([
    ['/predict', frame, 'application/json', 200],
    ['/predict', frame, 'Application/JSON; charset=utf-8', 200],
    ['/predict?of=mine', frame, 'application/json', 200],
    ['/homes/predict', frame, 'application/json', 200],
    ['/predict', '{', 'application/json', 400],
    ['/predict', frame, 'text/plain', 415],
    ['/v2/models/housing/infer', infer, 'application/vnd.kserve+json', 200],
    ['/v2/models/housing/versions/1/infer', infer, 'application/json', 200],
    ['/v2/models/housing/infer', '{}', 'application/json', 400],
    ['/v2/models/other/infer', infer, 'application/json', 404],
    ['/v1/models/housing:predict', '{"instances":[[0,6.575,296,15.3,396.9,4.98]]}', 'application/json', 200],
    ['/invocations', '{"inputs":[[0,6.575,296,15.3,396.9,4.98]]}', 'application/json', 200],
    // In the words of MLflow.
    ['/invocations', '[]', 'application/json', 400],
  ])('%s with %s as %s', async (path, body, type, status) => {
    const first = await ask(path, body, type)
    expect(first).toMatchObject({ status })
    expect(await ask(path, body, type)).toEqual(first)
  })
})

test('another method is still refused', async () => {
  await ask('/predict', frame, 'application/json')
  expect(await ask('/predict', '', 'application/json', 'GET')).toMatchObject({ status: 405 })
})

test('the access log has a line for both', async () => {
  const lines = (): number => server.log.filter(({ msg }) => msg === 'Request').length
  while (lines() < 28) await new Promise((resolve) => setTimeout(resolve, 50))
  const ofPredict = server.log.filter(({ path }) => path === '/homes/predict')
  expect(ofPredict).toHaveLength(2)
  expect(ofPredict[0]).toMatchObject({ protocol: 'predict', model: 'housing', status: 200, rows: 1 })
  expect(ofPredict[1]).toMatchObject({ protocol: 'predict', model: 'housing', status: 200, rows: 1 })
})
