/** Against answers that MLflow 3.17.2 gave, byte for byte; examples/mlflow runs against the server itself. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { Secret } from '../config/secret.ts'
import { parseLocation } from './location.ts'
import { openSources } from './source.ts'
import type { FetchedModel } from './fetched-model.ts'

const FOLDER = '0/models/m-d3d5bda65f7f44699b6b8073a0e1c27d/artifacts'
const API = '/api/2.0/mlflow'
const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts'
const DOWNLOAD_URI = `${API}/model-versions/get-download-uri?name=housing&version=1`

const MLMODEL = `artifact_path: mlflow-artifacts:/0/models/m-d3d5bda65f7f44699b6b8073a0e1c27d/artifacts
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: 1.23.2
    providers:
    - CUDAExecutionProvider
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: 3.11.7
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: m-d3d5bda65f7f44699b6b8073a0e1c27d
model_size_bytes: 42503
model_uuid: m-d3d5bda65f7f44699b6b8073a0e1c27d
prompts: null
run_id: 8299a51a54f54e3b9bd8df449dc808bb
signature:
  inputs: '[{"type": "double", "name": "CHAS", "required": true}, {"type": "double",
    "name": "RM", "required": true}, {"type": "double", "name": "TAX", "required":
    true}, {"type": "double", "name": "PTRATIO", "required": true}, {"type": "double",
    "name": "B", "required": true}, {"type": "double", "name": "LSTAT", "required":
    true}]'
  outputs: '[{"type": "float", "name": "prediction", "required": true}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-11-21 11:51:44.020856'
`
const COLUMNS = ['CHAS', 'RM', 'TAX', 'PTRATIO', 'B', 'LSTAT']

const ALIAS = `{
  "model_version": {
    "name": "housing",
    "version": "1",
    "creation_timestamp": 1795261912053,
    "last_updated_timestamp": 1795261912053,
    "current_stage": "None",
    "description": "",
    "source": "models:/m-d3d5bda65f7f44699b6b8073a0e1c27d",
    "run_id": "8299a51a54f54e3b9bd8df449dc808bb",
    "status": "READY",
    "run_link": "",
    "aliases": [
      "champion"
    ]
  }
}`
const NO_ALIAS =
  '{"error_code": "INVALID_PARAMETER_VALUE", "message": "Registered model alias nobody not found.", "sqlstate": "KAM00", "error_class": "INVALID_PARAMETER_VALUE"}'
const NO_VERSION =
  '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Model Version (name=housing, version=7) not found", "sqlstate": "KAM00", "error_class": "RESOURCE_NOT_FOUND"}'

let answers: Map<string, [number, string]>
let asked: { url: string; headers: IncomingHttpHeaders }[]
let origin: string

const server = createServer((request, response) => {
  const url = request.url ?? ''
  asked.push({ url, headers: request.headers })
  const [status, body] = answers.get(url) ?? [404, '{"detail":"Not Found"}']
  response.writeHead(status).end(body)
})

beforeEach(async () => {
  asked = []
  answers = new Map([
    [DOWNLOAD_URI, [200, `{\n  "artifact_uri": "mlflow-artifacts:/${FOLDER}"\n}`]],
    [`${API}/registered-models/alias?name=housing&alias=champion`, [200, ALIAS]],
    [`${API}/registered-models/alias?name=housing&alias=nobody`, [400, NO_ALIAS]],
    [`${API}/model-versions/get-download-uri?name=housing&version=7`, [404, NO_VERSION]],
    [`${ARTIFACTS}/${FOLDER}/MLmodel`, [200, MLMODEL]],
    [`${ARTIFACTS}/${FOLDER}/model.onnx`, [200, 'the model']],
  ])
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

function fetchModel(uri: string, maxBytes = 2000): Promise<FetchedModel> {
  const open = openSources({
    s3: { forcePathStyle: true, region: 'eu-central-1' },
    mlflow: { trackingUri: origin, authorization: new Secret('Bearer hunter2') },
  })
  return open(parseLocation(uri, '/'), { maxBytes, signal: new AbortController().signal })
}

function keptAt(uri: string): void {
  answers.set(DOWNLOAD_URI, [200, JSON.stringify({ artifact_uri: uri })])
}

test.each(['mlflow:/models:/housing/1', 'mlflow:/models:/housing@champion'])(
  'the ONNX file of %s comes with the columns of its signature',
  async (uri) => {
    const { bytes, columns, found } = await fetchModel(uri)
    expect(bytes.toString()).toBe('the model')
    expect(columns).toEqual(COLUMNS)
    expect(found).toBe(`version 1, model.onnx in mlflow-artifacts:/${FOLDER}`)
    expect(new Set(asked.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer hunter2']))
  },
)

test('tensors have no columns', async () => {
  const tensor = `'[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 6]}}]'`
  const yaml = MLMODEL.replace(/inputs: '[^']+'/, `inputs: ${tensor}`)
  answers.set(`${ARTIFACTS}/${FOLDER}/MLmodel`, [200, yaml])
  expect((await fetchModel('mlflow:/models:/housing/1')).columns).toBeUndefined()
})

test('a folder on another server is asked without the token', async () => {
  keptAt(`${origin}/store/a%20b`)
  answers.set('/store/a%20b/MLmodel', [200, MLMODEL])
  answers.set('/store/a%20b/model.onnx', [200, 'elsewhere'])
  expect((await fetchModel('mlflow:/models:/housing/1')).bytes.toString()).toBe('elsewhere')
  expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer hunter2', undefined, undefined])
})

describe('what may pass names the answer of the registry', () => {
  test.each([
    [
      'no version',
      'mlflow:/models:/housing/7',
      '404 RESOURCE_DOES_NOT_EXIST: Model Version (name=housing, version=7)',
    ],
    [
      'no alias',
      'mlflow:/models:/housing@nobody',
      '400 INVALID_PARAMETER_VALUE: Registered model alias nobody not',
    ],
    ['no words of MLflow', 'mlflow:/models:/other/1', 'the server answered 404 Not Found'],
  ])('%s', async (_, uri, message) => {
    const failed = fetchModel(uri)
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.not.toMatchObject({ name: 'ModelRefused' })
  })

  test('no file', async () => {
    answers.delete(`${ARTIFACTS}/${FOLDER}/model.onnx`)
    await expect(fetchModel('mlflow:/models:/housing/1')).rejects.toThrow('the server answered 404')
  })
})

describe('what is refused for good', () => {
  async function expectRefused(message: string, maxBytes?: number): Promise<void> {
    const failed = fetchModel('mlflow:/models:/housing/1', maxBytes)
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.toMatchObject({ name: 'ModelRefused' })
  }

  test.each([
    ['a file here', 'file:///etc'],
    ['a path here', '/etc'],
    ['a run', 'runs:/8299a51a54f54e3b9bd8df449dc808bb/model'],
    ['the proxy of another host, which would get the token', 'mlflow-artifacts://elsewhere:5000/0/models'],
  ])('a model that is kept in %s', async (_, uri) => {
    keptAt(uri)
    await expectRefused(
      `the registry keeps the model at '${uri}'; expected mlflow-artifacts: on its own host`,
    )
    expect(asked).toHaveLength(1)
  })

  test('without telling a key to the store', async () => {
    keptAt('gs://reader:secret@models/housing?X-Signature=secret')
    await expectRefused("the registry keeps the model at 'gs://models/housing'; expected")
  })

  test.each([
    'mlflow-artifacts:/0/%2e%2e%2f%2e%2e%2fsecrets',
    'mlflow-artifacts:/0/..%2f..%2fsecrets',
    's3://models/a%5c..%5cb',
  ])('a folder that climbs: %s', async (uri) => {
    keptAt(uri)
    await expectRefused('which is no plain path')
    expect(asked).toHaveLength(1)
  })

  test.each(['../../../secrets/model.onnx', '/etc/passwd', 'a/../../b', 'a\\..\\b', './model.onnx', 'a//b'])(
    'a file outside of the folder: %s',
    async (path) => {
      answers.set(`${ARTIFACTS}/${FOLDER}/MLmodel`, [
        200,
        MLMODEL.replace('data: model.onnx', `data: '${path}'`),
      ])
      await expectRefused(`the model of MLflow names a file outside of its folder: '${path}'`)
      expect(asked).toHaveLength(2)
    },
  )

  test.each([
    [
      'of another flavor',
      MLMODEL.replace('  onnx:', '  sklearn:'),
      'has the flavors sklearn, python_function, expected onnx',
    ],
    ['that is no YAML', 'a: [', 'has no MLmodel that can be read'],
    [
      'with half a signature',
      MLMODEL.replace(/inputs: '[^']+'/, "inputs: '[{'"),
      'has no MLmodel that can be read',
    ],
    ['that says nothing', '', 'has no MLmodel'],
  ])('a model %s', async (_, yaml, message) => {
    answers.set(`${ARTIFACTS}/${FOLDER}/MLmodel`, [200, yaml])
    await expectRefused(message)
  })

  test('a model that is too large', async () => {
    await expectRefused('the model is larger than MODEL_MAX_BYTES (3)', 3)
  })
})
