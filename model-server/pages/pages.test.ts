/** The pages and the OpenAPI document of the real process: what they say is tried on it. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SwaggerParser from '@apidevtools/swagger-parser'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { housing, housingModel } from '../test/housing.ts'
import { addsub, identity } from '../test/onnx-writer.ts'
import { ServerProcess } from '../test/server-process.ts'
import { scratchFolder } from '../test/scratch-folder.ts'

const BASE_PATH = '/models-of-ours'

type Content = Record<string, { schema: object; example?: unknown }>
type Operation = { requestBody?: { content: Content }; responses: Record<string, { content: Content }> }
type Document = {
  openapi: string
  servers: { url: string }[]
  paths: Record<string, Record<string, Operation>>
  components: object
}

const folder = scratchFolder('pages')
let server: ServerProcess
let origin: string
let document: Document

beforeAll(async () => {
  writeFileSync(join(folder, 'addsub.onnx'), addsub())
  writeFileSync(join(folder, 'echo.onnx'), identity('INT64', ['N']))
  writeFileSync(join(folder, 'image.onnx'), identity('FP32', ['N', 3, 224, 224]))
  const models = [
    {
      name: 'housing',
      version: '2',
      uri: housingModel('2').path,
      warmUp: [{ frame: housing.samples[0]?.request }],
    },
    { name: 'housing', version: '1', uri: housingModel('1').path },
    { name: 'addsub', uri: 'addsub.onnx' },
    { name: 'echo', uri: 'echo.onnx' },
    { name: 'image', uri: 'image.onnx' },
    { name: 'absent', uri: 'absent.onnx' },
  ]
  writeFileSync(join(folder, 'models.json'), JSON.stringify({ models }))
  server = new ServerProcess({
    MODELS_FILE: join(folder, 'models.json'),
    MODELRELEASE_COLOR: 'green',
    BASE_PATH,
    SHOW_SAMPLE: 'true',
  })
  origin = await server.origin()
  const ready = (): Promise<boolean[]> =>
    Promise.all(
      models.slice(0, -1).map(async ({ name, version = '1' }) => {
        const answer = await fetch(`${origin}/v2/models/${name}/versions/${version}/ready`)
        return answer.ok
      }),
    )
  while ((await ready()).includes(false));
  document = (await (await fetch(`${origin}/openapi.json`)).json()) as Document
})
afterAll(() => server.kill())

describe('the OpenAPI document', () => {
  test('is one, by the schema of OpenAPI 3.1', async () => {
    expect(document.openapi).toBe('3.1.1')
    await SwaggerParser.validate(structuredClone(document) as never)
  })

  test('lists every model that can be asked, and which of them answers where none is named', () => {
    expect(document.servers).toEqual([{ url: BASE_PATH }])
    const posts = Object.keys(document.paths).filter((path) => document.paths[path]?.post)
    expect(posts.toSorted()).toEqual(
      [
        '/predict',
        '/invocations',
        ...['housing', 'housing/versions/1', 'housing/versions/2'].flatMap(routesOf),
        ...['addsub', 'echo', 'image'].flatMap((name) =>
          routesOf(name).concat(routesOf(`${name}/versions/1`)),
        ),
      ].toSorted(),
    )
  })

  test('has examples that are answered as it says', async () => {
    const checked: string[] = []
    for (const [path, { post }] of Object.entries(document.paths)) {
      const { schema, example } = post?.requestBody?.content['application/json'] ?? {}
      if (!post || !schema || example === undefined) continue
      expect([path, problemsWith(example, schema)]).toEqual([path, undefined])
      const answer = await fetch(`${origin}${BASE_PATH}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(example),
      })
      const body: unknown = await answer.json()
      expect([path, answer.status, body]).toEqual([path, 200, expect.anything()])
      const wanted = post.responses['200']?.content['application/json']?.schema ?? {}
      expect([path, problemsWith(body, wanted)]).toEqual([path, undefined])
      checked.push(path)
    }
    expect(checked).toHaveLength(2 + 2 * 3 + 2 * 4)
  })

  test('has pages that answer as it says', async () => {
    const checked: number[] = []
    for (const [path, { get }] of Object.entries(document.paths)) {
      if (!get) continue
      const answer = await fetch(`${origin}${BASE_PATH}${path}`)
      const body = await answer.text()
      const content = get.responses[String(answer.status)]?.content ?? {}
      const [type = '', described] = Object.entries(content)[0] ?? []
      expect([path, answer.headers.get('content-type')]).toEqual([path, expect.stringContaining(type)])
      const value: unknown = type === 'application/json' ? JSON.parse(body) : body
      expect([path, problemsWith(value, described?.schema ?? {})]).toEqual([path, undefined])
      checked.push(answer.status)
    }
    // One model is not there.
    expect([...new Set(checked)].toSorted()).toEqual([200, 503])
  })

  test('has schemas that refuse what the server refuses', async () => {
    const path = '/v2/models/housing/infer'
    const { schema } = document.paths[path]?.post?.requestBody?.content['application/json'] ?? { schema: {} }
    for (const shape of [[1, 7], [1], [-1, 6]]) {
      const bad = { inputs: [{ name: 'x', datatype: 'FP32', shape, data: [0, 0, 0, 0, 0, 0] }] }
      const answer = await fetch(`${origin}${path}`, {
        method: 'POST',
        body: JSON.stringify(bad),
        headers: JSON_TYPE,
      })
      expect([answer.status, problemsWith(bad, schema)]).toEqual([400, expect.any(String)])
      const { schema: failure } = document.paths[path]?.post?.responses['400']?.content[
        'application/json'
      ] ?? {
        schema: {},
      }
      expect(problemsWith(await answer.json(), failure)).toBeUndefined()
    }
  })
})

const JSON_TYPE = { 'content-type': 'application/json' }

function routesOf(place: string): string[] {
  return [`/v2/models/${place}/infer`, `/v1/models/${place}:predict`]
}

/** What a JSON Schema of the document has against a value; undefined is nothing. */
function problemsWith(value: unknown, schema: object): string | undefined {
  const ajv = new Ajv2020({ strict: false, formats: { binary: true } })
  const validate = ajv.compile({ ...schema, components: document.components })
  return validate(value) ? undefined : ajv.errorsText(validate.errors)
}

describe('the pages', () => {
  const page = async (path: string): Promise<{ headers: Headers; text: string; status: number }> => {
    const answer = await fetch(`${origin}${path}`, { headers: { accept: 'text/html,*/*;q=0.8' } })
    return { headers: answer.headers, text: await answer.text(), status: answer.status }
  }

  test.each(['/', '/models/housing', '/models/housing/versions/1', '/models/absent'])(
    '%s is text for a terminal and a page for a browser',
    async (path) => {
      const plain = await fetch(`${origin}${path}`)
      expect(plain.headers.get('content-type')).toMatch(/^text\/plain/)
      expect(await plain.text()).toMatch(/^model (housing|absent) version/)
      const { headers, text } = await page(path)
      expect([headers.get('content-type'), headers.get('vary')]).toEqual([
        'text/html; charset=utf-8',
        'accept',
      ])
      expect(text).toMatch(/^<!doctype html>/)
    },
  )

  test('run only the script and the style that they came with, and load nothing', async () => {
    const { headers, text } = await page('/models/housing')
    const policy = headers.get('content-security-policy') ?? ''
    for (const [element, rule] of [
      ['style', 'style-src'],
      ['script', 'script-src'],
    ] as const) {
      const [, content = ''] = new RegExp(`<${element}>(.*?)</${element}>`, 's').exec(text) ?? []
      expect(content.length).toBeGreaterThan(500)
      const hash = createHash('sha256').update(content).digest('base64')
      expect(policy).toContain(`${rule} 'sha256-${hash}'`)
    }
    expect(policy).toContain("default-src 'none'")
    expect(text.match(/<(style|script)\b/g)).toHaveLength(2)
    expect(text).not.toMatch(/\b(src|onclick|style)=|https?:\/\//)
  })

  test('say what the model is, and offer each of its requests under the base path', async () => {
    const { text } = await page('/models/housing')
    expect(text).toContain(`sha256:${housingModel('2').sha256}`)
    expect(text).toContain('[any, 6]')
    const paths = Array.from(text.matchAll(/data-path="([^"]*)"/g), ([, path]) => path)
    expect(paths).toEqual(
      ['/predict', '/v2/models/housing/infer', '/v1/models/housing:predict', '/invocations'].map(
        (path) => BASE_PATH + path,
      ),
    )
    const offered = Array.from(text.matchAll(/<textarea[^>]*>([^<]*)<\/textarea>/g), ([, body = '']) => body)
    for (const [index, path] of paths.entries()) {
      const body = offered[index]?.replaceAll('&#34;', '"') ?? ''
      const answer = await fetch(`${origin}${path ?? ''}`, { method: 'POST', headers: JSON_TYPE, body })
      expect([path, answer.status]).toEqual([path, 200])
    }
    expect(JSON.parse(offered[0]?.replaceAll('&#34;', '"') ?? '')).toEqual(housing.samples[0]?.request)
  })

  test('say why a model is not ready', async () => {
    const { text } = await page('/models/absent')
    expect(text).toContain('not ready')
    expect(text).toContain('the model cannot be fetched yet')
    expect(text).not.toContain('<form')
  })

  test('do not pretend that somebody could type an image', async () => {
    const { text } = await page('/models/image')
    expect(text).toContain('too large to be typed')
    expect(text).not.toContain('<form')
  })

  test('of a model that is not there are none', async () => {
    const { status, text } = await page('/models/%3Cscript%3E')
    expect(status).toBe(404)
    expect(text).toContain('unknown model')
  })
})

test('a sample is shown only where that was asked for, and nothing is told where that is switched off', async () => {
  const sample = housing.samples[0]?.request
  const others = [{}, { PUBLIC_METADATA: 'false', SHOW_SAMPLE: 'true', GRPC_PORT: '0' }].map(
    (env) =>
      new ServerProcess({
        ...{ MODEL_NAME: 'housing', MODEL_URI: housingModel('2').path },
        ...{ MODEL_WARM_UP: JSON.stringify([{ frame: sample }]), ...env },
      }),
  ) as [ServerProcess, ServerProcess]
  try {
    for (const other of others) await other.logged('Model loaded and warmed up')
    const [open, closed] = [await others[0].origin(), await others[1].origin()]
    const known = String(Object.values(sample?.RM ?? {})[0])
    for (const path of ['/openapi.json', '/models/housing', '/']) {
      const asked = await fetch(`${open}${path}`, { headers: { accept: 'text/html,*/*' } })
      expect([path, asked.status]).toEqual([path, 200])
      expect(await asked.text()).not.toContain(known)
    }
    const told = ['/', '/openapi.json', '/models/housing', '/v2', '/v2/models', '/v2/models/housing']
    for (const path of [...told, '/v2/models/housing/versions/1', '/v1/models']) {
      const asked = await fetch(`${closed}${path}`, { headers: { accept: 'text/html' } })
      expect([path, asked.status]).toEqual([path, 404])
      expect(await asked.json()).toMatchObject({ code: 'path_not_found' })
    }
    // What clients need to wait for a model, and its answers, stay.
    for (const path of ['/v2/models/housing/ready', '/v1/models/housing', '/v2/health/ready', '/ping']) {
      expect((await fetch(`${closed}${path}`)).status).toBe(200)
    }
    expect(await (await fetch(`${closed}/`, { headers: { accept: 'application/json' } })).json()).toEqual({
      status: 'alive',
    })
    const answer = await fetch(`${closed}/predict`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(sample),
    })
    expect(answer.status).toBe(200)
  } finally {
    for (const other of others) await other.kill()
  }
})
