/** Judges bytes: they become a served model, or they are refused. */
import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import type { ModelConfig } from '../config/model-config.ts'
import { parseColumns } from '../config/values.ts'
import { Admission } from '../execution/admission.ts'
import type { Tensors } from '../execution/executor.ts'
import { startExecutor } from '../execution/start-executor.ts'
import type { Known } from '../execution/trial.ts'
import { externalFileOf } from '../onnx/external-data.ts'
import { provideLocale } from '../onnx/locale.ts'
import { readMetadata } from '../onnx/metadata.ts'
import { loadModel } from '../onnx/session.ts'
import { startModelWorker } from '../onnx/model-worker.ts'
import type { ModelMetrics } from '../operations/model-metrics.ts'
import { driftOf } from '../operations/model-drift.ts'
import { watchInputs } from '../operations/watch-inputs.ts'
import { frameMapping } from '../tensor/frame-mapping.ts'
import { ModelRefused } from '../sources/fetched-model.ts'
import type { FetchedModel } from '../sources/fetched-model.ts'
import type { Signature } from '../tensor/tensor.ts'
import type { ServedModel } from './served-model.ts'
import { backoffMs } from './backoff.ts'
import { checkWarmUp } from './warm-up-check.ts'
import type { ReadQuestion } from './warm-up-check.ts'

/** Where the columns of a model stand in its own metadata. */
const COLUMNS_KEY = 'columns'

/** What a model that is being built has around it. */
export type Surroundings = {
  metrics: ModelMetrics
  log: Logger
  /** Whether the server answers for some model already. */
  isServing: () => boolean
}

/** Bytes and settings to a model that serves. */
export type BuildModel = (
  fetched: FetchedModel,
  config: ModelConfig,
  around: Surroundings,
) => Promise<ServedModel>

/**
 * What compares the digest, loads the very bytes that were hashed, fits the columns, and has the samples answered. It throws
 * ModelRefused with the reason.
 */
export function modelBuilder(server: ServerParts): BuildModel {
  return (fetched, config, around) => build(fetched, config, { ...around, ...server })
}

/** What of the server all models need. */
type ServerParts = {
  /** How many connections it has accepted since its start. */
  accepted: () => number
  readQuestion: ReadQuestion
}

/** Where a model is built. */
type Site = Surroundings & ServerParts

async function build(fetched: FetchedModel, config: ModelConfig, site: Site): Promise<ServedModel> {
  const sha256 = createHash('sha256').update(fetched.bytes).digest('hex')
  if (config.sha256 !== undefined && config.sha256 !== sha256) {
    throw new ModelRefused(`the model's sha256 is ${sha256}, MODEL_SHA256 wants ${config.sha256}`)
  }
  try {
    return await load(fetched, { config, sha256, ...site })
  } catch (cause) {
    throw new ModelRefused(`the model (sha256 ${sha256}) cannot be served: ${(cause as Error).message}`, {
      cause,
    })
  }
}

async function load(
  fetched: FetchedModel,
  { config, sha256, ...site }: Site & { config: ModelConfig; sha256: string },
): Promise<ServedModel> {
  const { metrics, log, isServing, accepted, readQuestion } = site
  const file = externalFileOf(fetched.bytes)
  if (file !== undefined) {
    throw new Error(`it keeps weights in '${file}', which no digest covers; save it in one file`)
  }
  provideLocale(fetched.bytes)
  const executor = await startExecutor(fetched.bytes, config, {
    load: loadModel,
    known: (signature) => knownOf(fetched, config, signature, readQuestion),
    startWorker: startModelWorker,
    backoffMs: (attempt) => backoffMs(attempt, Math.random()),
    isServing,
    accepted,
    observer: metrics,
    log,
  })
  const { signature, infer, close, unavailableBecause } = executor
  const { mode, lanes, trial } = executor
  const { triedWith, maxRows, because, seconds } = trial
  const maxQueue = (): number => config.maxQueue ?? executor.suggestedQueue()
  log.info({ mode, lanes, triedWith, maxRows, because, seconds, maxQueue: maxQueue() }, 'Model tried')
  if (triedWith === 'nothing') {
    log.warn({ because }, 'Model not tried: nothing was found that it answers; give it a sample')
  }
  for (const [output, reason] of signature.notServed ?? []) log.warn({ output, reason }, 'Output not served')
  try {
    const { name, version } = config
    const frame = fitFrame(fetched, config, signature)
    const model = {
      name,
      version,
      sha256,
      signature,
      triedWith,
      frame,
      infer,
      close,
      unavailableBecause,
      admission: new Admission(maxQueue),
      metrics,
    }
    const drift = driftOf(config, readMetadata(fetched.bytes), model)
    await checkWarmUp(model, config.warmUp, readQuestion)
    metrics.watchDrift(drift)
    // From here on, so that the samples above do not count.
    return { ...model, infer: watchInputs(infer, drift?.observe) }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * What is known of what the model will be asked. A sample that does not fit it is left out here: when it is asked, it says so.
 */
function knownOf(
  fetched: FetchedModel,
  config: ModelConfig,
  signature: Signature,
  read: ReadQuestion,
): Known {
  const known: { samples: Tensors[]; hints: Tensors[] } = { samples: [], hints: [] }
  if (config.warmUp.length === 0) return known
  const frame = fitFrame(fetched, config, signature)
  for (const { question } of config.warmUp) {
    try {
      const { inputs } = read({ signature, frame }, question)
      known[question.type === 'Shapes' ? 'hints' : 'samples'].push(inputs)
    } catch {
      continue
    }
  }
  return known
}

/** What travels with the weights under one digest comes before what their store says of them. */
function fitFrame(
  { bytes, columns: ofStore }: FetchedModel,
  config: ModelConfig,
  signature: Signature,
): ServedModel['frame'] {
  const named = readMetadata(bytes).get(COLUMNS_KEY)
  const columns = config.columns ?? (named === undefined ? undefined : parseColumns(named))
  if (columns) {
    const frame = frameMapping(signature, columns)
    // Columns that do not fit are a mistake in the release; serving the rest of the routes would hide it.
    if (typeof frame === 'string') throw new Error(frame)
    return frame
  }
  // A store may name inputs that are no columns, such as those of a model with several.
  if (ofStore) return frameMapping(signature, ofStore)
  return `the model names no columns; set MODEL_COLUMNS, or '${COLUMNS_KEY}' in its metadata_props`
}
