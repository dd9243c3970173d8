/** What may be set for one model, in the environment or in MODELS_FILE. */
import { resolve } from 'node:path'
import { SERVING_MODES } from '../execution/settings.ts'
import type { ExecutionSettings } from '../execution/settings.ts'
import type { ModelLocation } from '../sources/location.ts'
import { parseLocation } from '../sources/location.ts'
import { MAX_INT32, columnNames, digest, flag, integer, oneOf, pathName, required, text } from './values.ts'
import type { Parse, Read } from './values.ts'
import { warmUpSamples } from './warm-up.ts'
import type { WarmUpSample } from './warm-up.ts'

/** How a model is run. */
export type ServingConfig = {
  maxBytes: number
  /** Requests of the model that may be in the server at a time; undefined leaves it to how fast the model is. */
  maxQueue: number | undefined
} & ExecutionSettings

/** Which model to serve, from where, what must be true of it, and how it is run. */
export type ModelConfig = ServingConfig & {
  name: string
  version: string
  /** Answers for the model where a request names no version; otherwise the newest does. */
  isDefault: boolean
  location: ModelLocation
  /** Lower-case hex; undefined accepts any bytes, and the digest is reported. */
  sha256: string | undefined
  /** Overrides the columns that the model itself names. */
  columns: readonly string[] | undefined
  /** Answered as expected before the model serves. */
  warmUp: readonly WarmUpSample[]
  /** A file with what the features looked like in training; undefined looks into the model's own metadata. */
  driftReference: string | undefined
}

/** Which model it is: in MODELS_FILE for each, in the environment for the only one. */
export const IDENTITY = {
  name: 'MODEL_NAME',
  version: 'MODEL_VERSION',
  uri: 'MODEL_URI',
  sha256: 'MODEL_SHA256',
  columns: 'MODEL_COLUMNS',
  warmUp: 'MODEL_WARM_UP',
  driftReference: 'DRIFT_REFERENCE',
} as const

/** How models are run: the environment says it for all, MODELS_FILE for one. */
export const SERVING = {
  maxBytes: 'MODEL_MAX_BYTES',
  maxQueue: 'MAX_QUEUE',
  servingMode: 'SERVING_MODE',
  workers: 'WORKERS',
  maxBatchSize: 'MAX_BATCH_SIZE',
  batchDelayMs: 'BATCH_DELAY_MS',
} as const

/** A key of a model in MODELS_FILE; all but `default` have a variable too. */
export type ModelSetting = keyof typeof IDENTITY | keyof typeof SERVING | 'default'

const MIB = 2 ** 20

/** @param base the folder from which relative paths go out */
export function readModel(read: Read<ModelSetting>, base: string): ModelConfig {
  return {
    name: read('name', required(pathName, 'the model answers under /v2/models/{name}')),
    version: read('version', (value) => pathName(value) ?? '1'),
    isDefault: read('default', flag(false)),
    location: read('uri', location(base)),
    sha256: read('sha256', digest),
    columns: read('columns', columnNames),
    warmUp: read('warmUp', warmUpSamples),
    driftReference: read('driftReference', path(base)),
    ...readServing(read),
  }
}

/** What holds for a model unless it says otherwise. */
export function readServing(read: Read<keyof typeof SERVING>): ServingConfig {
  return {
    maxBytes: read('maxBytes', integer(512 * MIB, 1, MAX_INT32)),
    maxQueue: read('maxQueue', integer(undefined, 1, 100_000)),
    servingMode: read('servingMode', oneOf(SERVING_MODES, 'auto')),
    workers: read('workers', integer(undefined, 1, 64)),
    maxBatchSize: read('maxBatchSize', integer(512, 1, 4_096)),
    batchDelayMs: read('batchDelayMs', integer(0, 0, 1_000)),
  }
}

function location(base: string): Parse<ModelLocation> {
  const uri = required(text, 'a path, or a file:, http:, https:, s3: or mlflow: URL of an ONNX model')
  return (value) => parseLocation(uri(value), base)
}

function path(base: string): Parse<string | undefined> {
  return (value) => {
    const given = text(value)
    return given === undefined ? undefined : resolve(base, given)
  }
}
