/** The only reader of the environment. All problems are reported at once. */
import { readFileSync } from 'node:fs'
import { readHandler } from './handler-config.ts'
import type { HandlerConfig } from './handler-config.ts'
import { readLogging } from './logging.ts'
import type { LoggingConfig } from './logging.ts'
import { readModelsFile } from './models-file.ts'
import { IDENTITY, SERVING, readModel, readServing } from './model-config.ts'
import type { ModelConfig, ModelSetting, ServingConfig } from './model-config.ts'
import { readMlflow, readS3 } from './sources-config.ts'
import type { MlflowConfig, S3Config } from './sources-config.ts'
import { parseAllowedPrefix } from '../sources/allow-list.ts'
import type { AllowedPrefix } from '../sources/allow-list.ts'
import type { ModelLocation } from '../sources/location.ts'
import { MAX_INT32, flag, got, integer, oneOf, text } from './values.ts'
import type { Parse, Read } from './values.ts'

/** Everything the server takes from outside; see README.md for each variable. */
export type Config = {
  port: number
  /** Metrics, the repository API and health; never reached by what is sent to `port`. */
  opsPort: number
  /** Undefined where nobody speaks gRPC. */
  grpcPort: number | undefined
  /** Undefined where no module works before and after the model. */
  handler: HandlerConfig | undefined
  /** In front of every path of `port`; empty or `/a/b`. */
  basePath: string
  release: Release
  /** The first answers where a route names none. Empty only where models can be loaded later. */
  models: readonly ModelConfig[]
  /** Undefined where models cannot be loaded or unloaded from outside. */
  repositoryApi: RepositoryApiConfig | undefined
  s3: S3Config
  /** Undefined where no registry is known, and so no model can come from one. */
  mlflow: MlflowConfig | undefined
  /** Whether `/invocations` names the values of a model's only output, as MLflow's own server does. */
  mlflowNamed: boolean
  maxBodyBytes: number
  /** Of all requests that are in the server, of whatever protocol. */
  maxBodiesBytes: number
  /** Whether `port` and gRPC tell about the models, beside answering for them. */
  publicMetadata: boolean
  /** Whether pages and the OpenAPI document show a sample of the configuration, which may be somebody's. */
  showSample: boolean
  /** From the headers of an inference request to its answer. */
  requestTimeoutMs: number
  drainDelayMs: number
  logLevel: LogLevel
  logging: LoggingConfig
}

/** Which release this process belongs to, as the operator set it; undefined outside a cluster. */
export type Release = {
  name: string | undefined
  color: 'blue' | 'green' | undefined
  revision: string | undefined
}

/** Who may load and unload models, and from where. */
export type RepositoryApiConfig = {
  /** Read again for every request, so that a token may be changed. */
  tokenFile: string
  /** A model may be loaded from anywhere below these; none allows only what is configured. */
  allowed: readonly AllowedPrefix[]
  /** How models are run that the configuration does not know. */
  serving: ServingConfig
}

/** Levels of pino, plus silence. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The environment cannot be used; the message lists every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where a problem is, and what to do about it. */
type Problems = { note: (place: string, message: string) => void; read: Read<string> }

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const MIB = 2 ** 20

/**
 * Read and check the environment, and the file that MODELS_FILE names.
 * @throws ConfigError with all problems, each naming the variable or the place in the file, its value and the remedy
 */
export function readConfig(env: Environment = process.env): Config {
  // A setting that several models share is one problem.
  const problems = new Set<string>()
  const note = (place: string, message: string): void => void problems.add(`${place}: ${message}`)
  const read = <T>(variable: string, parse: Parse<T>): T => {
    // Kubernetes manifests write an unset value as "".
    const value = env[variable]?.trim()
    try {
      return parse(value === '' ? undefined : value)
    } catch (error) {
      note(variable, (error as Error).message)
      // Never seen: a config with problems is not returned.
      return undefined as T
    }
  }

  const port = read('PORT', integer(8080, 0, 65_535))
  const release: Release = {
    name: read('MODELRELEASE_NAME', headerValue),
    color: read('MODELRELEASE_COLOR', color),
    revision: read('MODELRELEASE_REVISION', headerValue),
  }
  const repositoryApi = readRepositoryApi(release, { note, read })
  const models = readModels({ note, read }, repositoryApi !== undefined)
  const requestTimeoutMs = read('REQUEST_TIMEOUT_MS', integer(30_000, 1, 600_000))
  const maxBodyBytes = read('MAX_BODY_BYTES', integer(8 * MIB, 1, MAX_INT32))
  const config: Config = {
    port,
    opsPort: read('OPS_PORT', integer(portAfter(port), 0, 65_535)),
    grpcPort: read('GRPC_PORT', integer(undefined, 0, 65_535)),
    basePath: read('BASE_PATH', basePath),
    handler: readHandler(read, requestTimeoutMs),
    release,
    models,
    repositoryApi,
    s3: readS3(read),
    mlflow: readMlflow(read),
    mlflowNamed: read('MLFLOW_NAMED_PREDICTIONS', flag(false)),
    maxBodyBytes,
    maxBodiesBytes: read('MAX_BODIES_BYTES', integer(Math.max(64 * MIB, 2 * maxBodyBytes), 1, 2 ** 40)),
    publicMetadata: read('PUBLIC_METADATA', flag(true)),
    showSample: read('SHOW_SAMPLE', flag(false)),
    requestTimeoutMs,
    drainDelayMs: read('DRAIN_DELAY_MS', integer(5_000, 0, 600_000)),
    logLevel: read('LOG_LEVEL', oneOf(LOG_LEVELS, 'info')),
    logging: readLogging(read),
  }
  checkTogether(config, note)
  if (problems.size > 0) throw new ConfigError(`invalid configuration:\n- ${[...problems].join('\n- ')}`)
  return config
}

/** Two ports that fit together, without anybody having to think of the second; any free one follows any free one. */
function portAfter(port: number): number {
  return port === 0 || port >= 65_535 ? 0 : port + 1
}

function readModels({ note, read }: Problems, mayBeEmpty: boolean): ModelConfig[] {
  const variables: Partial<Record<ModelSetting, string>> = { ...IDENTITY, ...SERVING }
  const file = read('MODELS_FILE', text)
  if (file === undefined) {
    const readOne = <T>(name: ModelSetting, parse: Parse<T>): T => {
      const variable = variables[name]
      return variable === undefined ? parse(undefined) : read(variable, parse)
    }
    return [readModel(readOne, process.cwd())]
  }

  for (const variable of Object.values(IDENTITY)) {
    if (read(variable, text) === undefined) continue
    note(variable, 'is for a server with one model; MODELS_FILE says it for each, so unset one of the two')
  }
  return readModelsFile(file, {
    problem: note,
    environment: (name, parse) => read(SERVING[name], parse),
    mayBeEmpty,
  })
}

function readRepositoryApi(release: Release, { note, read }: Problems): RepositoryApiConfig | undefined {
  const allowed = read('REPOSITORY_URIS', allowedPrefixes)
  const tokenFile = read('REPOSITORY_TOKEN_FILE', readableToken)
  if (tokenFile === undefined) {
    if (allowed !== undefined)
      note('REPOSITORY_URIS', 'does nothing without REPOSITORY_TOKEN_FILE; set or unset both')
    return undefined
  }
  if (release.revision !== undefined) {
    note(
      'REPOSITORY_TOKEN_FILE',
      'a pod of a release (MODELRELEASE_REVISION) serves the model that passed its gates and no other; unset it',
    )
  }
  return {
    tokenFile,
    allowed: allowed ?? [],
    serving: readServing((name, parse) => read(SERVING[name], parse)),
  }
}

/** What no setting shows by itself. */
function checkTogether(config: Config, note: Problems['note']): void {
  const { models, repositoryApi, mlflow, port, opsPort, grpcPort } = config
  if (port === opsPort && port !== 0) note('OPS_PORT', `expected another port than PORT, got '${opsPort}'`)
  if (grpcPort !== undefined && grpcPort !== 0 && [port, opsPort].includes(grpcPort)) {
    note('GRPC_PORT', `expected another port than PORT and OPS_PORT, got '${grpcPort}'`)
  }
  // Of a setting with a problem there may be nothing, whatever its type says.
  const locations: (ModelLocation | undefined)[] = models.map((model) => model.location)
  const fromMlflow = locations.some((location) => location?.type === 'Mlflow')
  const mayBeMlflow = repositoryApi?.allowed.some((prefix) => prefix.startsWith('mlflow:')) ?? false
  if (!mlflow && (fromMlflow || mayBeMlflow)) {
    note('MLFLOW_TRACKING_URI', 'is required: a model comes from a registry of MLflow')
  }
}

function allowedPrefixes(value: unknown): AllowedPrefix[] | undefined {
  return text(value)
    ?.split(',')
    .map((uri) => parseAllowedPrefix(uri.trim(), process.cwd()))
}

function readableToken(value: unknown): string | undefined {
  const path = text(value)
  if (path === undefined) return undefined
  if (readFileSync(path, 'utf8').trim().length >= 16) return path
  throw new Error(`expected a file with a token of at least 16 characters, ${got(path)}`)
}

function basePath(value: unknown): string {
  if (value === undefined || value === '/') return ''
  const path = typeof value === 'string' ? value.replace(/\/$/, '') : ''
  if (/^(?:\/[A-Za-z0-9._~-]+)+$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path)) return path
  throw new Error(`expected a path such as /models/a, ${got(value)}`)
}

function color(value: unknown): Release['color'] {
  if (value === undefined || value === 'blue' || value === 'green') return value
  throw new Error(`expected blue or green, ${got(value)}`)
}

function headerValue(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && /^[\x21-\x7e]{1,253}$/.test(value)) return value
  throw new Error(`expected at most 253 visible ASCII characters, ${got(value)}`)
}
