/** The real SDK against a store over the wire. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { ACCESS_KEY, S3StandIn, refuse } from '../test/s3-stand-in.ts'
import { parseLocation } from './location.ts'
import { openSources } from './source.ts'

const before = { ...process.env }
let store: S3StandIn

beforeAll(() => {
  // Only what a test says: not the settings of whoever runs it, nor the address at which machines of AWS find theirs.
  for (const name of Object.keys(process.env))
    if (name.startsWith('AWS_')) Reflect.deleteProperty(process.env, name)
  Object.assign(process.env, {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    AWS_ACCESS_KEY_ID: ACCESS_KEY.id,
    AWS_SECRET_ACCESS_KEY: ACCESS_KEY.secret,
  })
})
afterAll(() => {
  process.env = before
})

beforeEach(async () => {
  store = new S3StandIn()
  process.env.AWS_ENDPOINT_URL_S3 = await store.listen()
  store.objects.set('models/housing/a b+c.onnx', Buffer.from('newest'))
  store.objects.set('models/housing/a b+c.onnx?versionId=3sL4.k/=', Buffer.from('older'))
})
afterEach(() => store.close())

async function fetchText(
  uri: string,
  { maxBytes = 1000, region = 'eu-central-1' }: { maxBytes?: number; region?: string | null } = {},
): Promise<string> {
  const fetchModel = openSources({
    s3: { forcePathStyle: true, region: region ?? undefined },
    mlflow: undefined,
  })
  const { signal } = new AbortController()
  const { bytes } = await fetchModel(parseLocation(uri, '/'), { maxBytes, signal })
  return bytes.toString()
}

test.each([
  ['the newest version', 's3://models/housing/a%20b+c.onnx', 'newest'],
  ['a version', 's3://models/housing/a%20b+c.onnx?versionId=3sL4.k%2F%3D', 'older'],
])('%s of an object', async (_, uri, text) => {
  expect(await fetchText(uri)).toBe(text)
  expect(store.asked).toHaveLength(1)
})

test('a large object comes whole', async () => {
  const bytes = Buffer.alloc(3_000_000, 'abcdefg')
  store.objects.set('models/large.onnx', bytes)
  expect(await fetchText('s3://models/large.onnx', { maxBytes: 4_000_000 })).toBe(bytes.toString())
})

test('a larger one than the limit is refused for good', async () => {
  await expect(fetchText('s3://models/housing/a%20b+c.onnx', { maxBytes: 3 })).rejects.toMatchObject({
    name: 'ModelRefused',
    message: 'the model is larger than MODEL_MAX_BYTES (3)',
  })
})

describe('what may pass names the answer of the store, and is asked once', () => {
  test.each<[string, string, string]>([
    [
      'no such key',
      's3://models/nowhere.onnx',
      'the store answered 404 NoSuchKey: The specified key does not exist.',
    ],
    ['no such bucket', 's3://nowhere/a.onnx', 'the store answered 404 NoSuchBucket: '],
    [
      'no such version',
      's3://models/housing/a%20b+c.onnx?versionId=9',
      'the store answered 404 NoSuchVersion: ',
    ],
  ])('%s', async (_, uri, message) => {
    await expect(fetchText(uri)).rejects.toThrow(message)
    expect(store.asked).toHaveLength(1)
  })

  test('too many requests', async () => {
    store.faults.push((response) =>
      refuse(response, { status: 503, code: 'SlowDown', message: 'Please reduce your request rate.' }),
    )
    await expect(fetchText('s3://models/housing/a%20b+c.onnx')).rejects.toThrow(
      'the store answered 503 SlowDown: Please reduce your request rate.',
    )
    expect(store.asked).toHaveLength(1)
  })

  test('an answer that breaks off', async () => {
    store.faults.push((response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('half', () => response.destroy())
    })
    await expect(fetchText('s3://models/housing/a%20b+c.onnx')).rejects.toThrow('aborted')
  })

  test.each([
    ['a wrong secret', { AWS_SECRET_ACCESS_KEY: 'other' }, '403 SignatureDoesNotMatch'],
    ['an unknown key', { AWS_ACCESS_KEY_ID: 'AKIDOTHER' }, '403 InvalidAccessKeyId'],
    ['no credentials', { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }, 'Could not load credentials'],
  ])('%s', async (_, env, message) => {
    const kept = { ...process.env }
    Object.assign(process.env, env)
    await expect(fetchText('s3://models/housing/a%20b+c.onnx')).rejects.toThrow(message)
    Object.assign(process.env, kept)
  })

  test('no region', async () => {
    await expect(fetchText('s3://models/housing/a%20b+c.onnx', { region: null })).rejects.toThrow(
      'no region; set AWS_REGION',
    )
  })
})
