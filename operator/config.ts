/** Everything that the environment says, read once; the only file of the operator that looks at process.env. */

export interface Config {
  /** Identity of this replica in logs and in the lease. */
  podName: string
  /** Where the leader's lease and the claims live. */
  namespace: string
  /** Image of the model server for releases that name none. */
  modelServerImage: string
  metricsPort: number
  logLevel: LogLevel
  /** Releases that are worked on at the same time. */
  workers: number
  /** Region that CloudFront requests are signed for. */
  awsRegion: string
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

type Environment = Readonly<Record<string, string | undefined>>

/** Throws ConfigError with everything that is wrong. */
export function readConfig(environment: Environment = process.env): Config {
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
    logLevel: isLogLevel(logLevel) ? logLevel : 'info',
    workers: integer('WORKERS', 4, [1, 64]),
    awsRegion: environment.AWS_REGION ?? 'us-east-1',
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text)
}
