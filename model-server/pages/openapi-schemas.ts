/** JSON Schemas (2020-12, as OpenAPI 3.1 has them) of what the routes take and give, for one model. */
import { ERROR_CODES } from '../http/error-codes.ts'
import type { Signature, TensorSpec } from '../tensor/tensor.ts'

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>

const CODE: Schema = {
  enum: Object.keys(ERROR_CODES),
  description: 'Stable, for programs; docs/model-server/errors.md has their meaning.',
}

export const ERROR: Schema = {
  type: 'object',
  required: ['error', 'code'],
  properties: {
    error: { type: 'string', description: 'The field, what was expected and what came.' },
    code: CODE,
  },
}

export const MLFLOW_ERROR: Schema = {
  type: 'object',
  required: ['error_code', 'message', 'code'],
  properties: { error_code: { type: 'string' }, message: { type: 'string' }, code: CODE },
}

const PARAMETERS: Schema = { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } }

/** The body of `POST /v2/models/{m}/infer` with JSON tensors. */
export function v2Request({ inputs, outputs }: Signature): Schema {
  return {
    type: 'object',
    required: ['inputs'],
    properties: {
      id: { type: 'string', description: 'Comes back with the answer.' },
      parameters: PARAMETERS,
      inputs: {
        type: 'array',
        minItems: inputs.length,
        maxItems: inputs.length,
        items: { oneOf: inputs.map((input) => tensor(input, 'of any nesting, in row-major order')) },
      },
      outputs: {
        type: 'array',
        description: 'Which outputs to answer with; all where absent.',
        items: {
          type: 'object',
          required: ['name'],
          properties: { name: { enum: outputs.map(({ name }) => name) }, parameters: PARAMETERS },
        },
      },
    },
  }
}

/** Its answer. */
export function v2Response({ outputs }: Signature, model: string): Schema {
  return {
    type: 'object',
    required: ['model_name', 'model_version', 'outputs'],
    properties: {
      model_name: { const: model },
      model_version: { type: 'string' },
      id: { type: 'string' },
      parameters: PARAMETERS,
      outputs: {
        type: 'array',
        items: { oneOf: outputs.map((output) => tensor(output, 'flat, in row-major order')) },
      },
    },
  }
}

/** Of `GET /v2/models/{m}`. */
export function v2Metadata(model: string): Schema {
  const specs = {
    type: 'array',
    items: {
      type: 'object',
      required: ['name', 'datatype', 'shape'],
      properties: {
        name: { type: 'string' },
        datatype: { type: 'string' },
        shape: { type: 'array', items: { type: 'integer', minimum: -1 }, description: '-1 is any size.' },
      },
    },
  }
  return {
    type: 'object',
    required: ['name', 'versions', 'platform', 'inputs', 'outputs'],
    properties: {
      name: { const: model },
      versions: { type: 'array', items: { type: 'string' } },
      platform: { const: 'onnx_onnxv1' },
      inputs: specs,
      outputs: specs,
      parameters: {
        type: 'object',
        properties: { sha256: { type: 'string', description: 'Of the bytes that were loaded.' } },
      },
    },
  }
}

/** The body of `POST /predict`. */
export function frame(columns: readonly string[]): Schema {
  const column = {
    type: 'object',
    minProperties: 1,
    additionalProperties: { type: ['number', 'string'] },
    description: 'Values by row.',
  }
  return {
    type: 'object',
    required: columns,
    properties: Object.fromEntries(columns.map((name) => [name, column])),
    description: 'A pandas frame as DataFrame.to_json() writes it.',
  }
}

/** An answer with a prediction for each row, under `key`. */
export function predictions(key: string): Schema {
  return { type: 'object', required: [key], properties: { [key]: { type: 'array' } } }
}

/** The body of `POST /v1/models/{m}:predict`. */
export const V1_REQUEST: Schema = {
  type: 'object',
  oneOf: [{ required: ['instances'] }, { required: ['inputs'] }],
  properties: {
    signature_name: { type: 'string' },
    instances: { type: 'array', minItems: 1, description: 'Row by row.' },
    inputs: { description: 'Column by column: the only input, or an object with each.' },
  },
}

export const V1_RESPONSE: Schema = {
  type: 'object',
  oneOf: [{ required: ['predictions'] }, { required: ['outputs'] }],
  properties: { predictions: { type: 'array' }, outputs: {} },
}

/** The body of `POST /invocations`. */
export const MLFLOW_REQUEST: Schema = {
  type: 'object',
  oneOf: ['dataframe_split', 'dataframe_records', 'instances', 'inputs'].map((form) => ({
    required: [form],
  })),
  properties: {
    dataframe_split: {
      type: 'object',
      required: ['columns', 'data'],
      properties: { columns: { type: 'array' }, index: { type: 'array' }, data: { type: 'array' } },
    },
    dataframe_records: { type: 'array', items: { type: 'object' } },
    instances: { type: 'array' },
    inputs: {},
    params: { type: ['object', 'null'] },
  },
}

export const MLFLOW_RESPONSE: Schema = {
  type: 'object',
  required: ['predictions'],
  properties: { predictions: { type: ['array', 'object'] } },
}

function tensor({ name, datatype, shape }: TensorSpec, order: string): Schema {
  const dimensions = shape.map((size) => (size === -1 ? { type: 'integer', minimum: 0 } : { const: size }))
  return {
    type: 'object',
    required: ['name', 'datatype', 'shape'],
    properties: {
      name: { const: name },
      datatype: { const: datatype },
      // A model without dimensions may mean a scalar, or that it does not say.
      shape:
        shape.length === 0
          ? { type: 'array', items: { type: 'integer' } }
          : { type: 'array', prefixItems: dimensions, items: false, minItems: shape.length },
      parameters: PARAMETERS,
      data: { type: 'array', description: `The elements, ${order}.` },
    },
  }
}
