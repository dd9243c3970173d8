/** Everything that the environment says, read once; the only file of the operator that looks at process.env. */
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { parseAllowList, type AllowList } from './planner/checks/allow-list.ts'
import { rangeProblem, type AllowedRanges } from './adapters/http/addresses.ts'

export interface Config {
  /** Identity of this replica in logs and in the lease. */
  podName: string
  /** Where the leader's lease and the claims live. */
  namespace: string
  /** Image of the model server for releases that name none. */
  modelServerImage: string
  metricsPort: number
  /** Of what the kubelet asks; another one than that of the metrics. */
  healthPort: number
  logLevel: LogLevel
  /** Releases that are worked on at the same time. */
  workers: number
  /** Region that CloudFront requests are signed for. */
  awsRegion: string
  /** Seconds between forward moves of one distribution; less only for an account whose limits AWS has raised. */
  updateSpacingSeconds: number
  /** Seconds after a write to a key until every edge is taken to follow it. */
  storePropagationSeconds: number
  /** Where the API of key value stores is, as it stands, where it is not AWS's own. */
  storeEndpoint: string | undefined
  /** Namespaces whose releases are looked after, from WATCH_NAMESPACES; undefined: all. */
  watchNamespaces: readonly string[] | undefined
  /** Which namespaces may use which distributions, from CLOUDFRONT_ALLOW_LIST; undefined, all may use all, only by CLOUDFRONT_ALLOW_ALL. */
  allowList: AllowList
  /** Ranges that names of a spec may lead to although they are not public. */
  probeAllowedRanges: AllowedRanges
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Every problem at once, one per line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'

  constructor(problems: readonly string[]) {
    super(`invalid configuration:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
  }
}

/** A file that the configuration names, as text; throws when it cannot be read. */
type ReadText = (path: string) => string

type Environment = Readonly<Record<string, string | undefined>>

/** Throws ConfigError with everything that is wrong. */
export function readConfig(
  environment: Environment = process.env,
  readText: ReadText = (path) => readFileSync(path, 'utf8'),
): Config {
  const problems: string[] = []
  const required = (name: string, meaning: string): string => {
    const value = environment[name]
    if (!value) problems.push(`${name} is not set: ${meaning}`)
    return value ?? ''
  }
  const integer = (name: string, fallback: number, [least, most]: readonly [number, number]): number => {
    const text = environment[name]
    const value = text === undefined ? fallback : Number(text)
    if (!Number.isInteger(value) || value < least || value > most)
      problems.push(`${name} is "${text ?? ''}": give a whole number from ${least} to ${most}`)
    return value
  }
  const logLevel = environment.LOG_LEVEL ?? 'info'
  if (!isLogLevel(logLevel)) problems.push(`LOG_LEVEL is "${logLevel}": give one of ${LOG_LEVELS.join(', ')}`)
  const config: Config = {
    podName: required('POD_NAME', 'the name of this pod, from metadata.name'),
    namespace: required('OPERATOR_NAMESPACE', 'the namespace of this pod, from metadata.namespace'),
    modelServerImage: required(
      'MODEL_SERVER_IMAGE',
      'the image that serves spec.model where the release names none',
    ),
    metricsPort: integer('METRICS_PORT', 9090, [0, 65535]),
    healthPort: integer('HEALTH_PORT', 9091, [0, 65535]),
    logLevel: isLogLevel(logLevel) ? logLevel : 'info',
    workers: integer('WORKERS', 4, [1, 64]),
    awsRegion: environment.AWS_REGION ?? 'us-east-1',
    updateSpacingSeconds: integer('CLOUDFRONT_UPDATE_SPACING_SECONDS', 30, [0, 3600]),
    storePropagationSeconds: integer('CLOUDFRONT_STORE_PROPAGATION_SECONDS', 60, [0, 3600]),
    storeEndpoint: readUrl(environment, 'CLOUDFRONT_KEY_VALUE_STORE_ENDPOINT', problems),
    watchNamespaces: readNamespaces(environment.WATCH_NAMESPACES, problems),
    allowList: readAllowList(environment, readText, problems),
    probeAllowedRanges: readRanges(environment.PROBE_ALLOWED_RANGES, problems),
  }
  if (config.healthPort === config.metricsPort && config.healthPort !== 0)
    problems.push(`HEALTH_PORT and METRICS_PORT are both ${config.healthPort}: give two different ports`)
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

function readUrl(environment: Environment, name: string, problems: string[]): string | undefined {
  const text = environment[name]
  if (!text) return undefined
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    problems.push(`${name} is "${text}": give a URL such as http://127.0.0.1:4570`)
  return text
}

function readRanges(text: string | undefined, problems: string[]): AllowedRanges {
  if (!text) return []
  const ranges = text.split(',').map((range) => range.trim())
  for (const range of ranges) {
    const problem = rangeProblem(range)
    if (problem) problems.push(`PROBE_ALLOWED_RANGES: ${problem}: give ranges with commas between them`)
  }
  return ranges
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

function readNamespaces(text: string | undefined, problems: string[]): string[] | undefined {
  if (!text) return undefined
  const names = [...new Set(text.split(',').map((name) => name.trim()))]
  for (const name of names.filter((one) => !NAMESPACE.test(one)))
    problems.push(
      `WATCH_NAMESPACES: "${name}" is no name of a namespace: give names with commas between them`,
    )
  return names
}

/** A list that cannot be read allows nothing, so the operator must not start as if there were none. */
function readAllowList(environment: Environment, readText: ReadText, problems: string[]): AllowList {
  const { CLOUDFRONT_ALLOW_LIST: path, CLOUDFRONT_ALLOW_ALL: all = 'false' } = environment
  if (all !== 'true' && all !== 'false')
    problems.push(`CLOUDFRONT_ALLOW_ALL is "${all}": give true, or leave it away`)
  // Whoever may write a release would move what the credentials can: that is only by whoever says so.
  if (!path) return all === 'true' ? undefined : []
  if (all === 'true')
    problems.push('CLOUDFRONT_ALLOW_ALL and CLOUDFRONT_ALLOW_LIST are both set: remove one of them')
  const told = (problem: string): undefined => {
    problems.push(`CLOUDFRONT_ALLOW_LIST "${path}": ${problem}`)
  }
  try {
    const parsed = parseAllowList(load(readText(path)))
    if ('targets' in parsed) return parsed.targets
    parsed.problems.forEach(told)
  } catch (error) {
    told(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error))
  }
  return undefined
}

function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text)
}
