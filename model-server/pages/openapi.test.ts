import SwaggerParser from '@apidevtools/swagger-parser'
import { expect, test } from '@jest/globals'
import { openApiDocument } from './openapi.ts'
import type { RunView } from './openapi.ts'

const SERVER = { serverVersion: '1.0.0', basePath: '', models: [] }

type Paths = Record<string, { post?: { requestBody: { content: Record<string, unknown> } } }>

test.each<[string, RunView | undefined, Record<string, unknown> | undefined]>([
  ['no handler', undefined, undefined],
  ['a handler of JSON', { accepts: 'application/json' }, { 'application/json': { schema: {} } }],
  [
    'a handler of files',
    { accepts: 'multipart/form-data', fileField: 'video', textFields: ['age'] },
    {
      'multipart/form-data': {
        schema: {
          type: 'object',
          required: ['video'],
          properties: {
            video: { type: 'string', contentMediaType: 'application/octet-stream' },
            age: { type: 'string' },
          },
        },
      },
    },
  ],
])('a server with %s and no model yet has a document', async (_, run, content) => {
  const document = openApiDocument({ ...SERVER, run })
  await SwaggerParser.validate(structuredClone(document) as never)
  expect((document.paths as Paths)['/run']?.post?.requestBody.content).toEqual(content)
})

test('a document without a base path is about the root of its server', () => {
  expect(openApiDocument({ ...SERVER, run: undefined }).servers).toEqual([{ url: '/' }])
})
