/** How the stores of models are reached. */
import { Secret } from './secret.ts'
import { flag, got, required, text } from './values.ts'
import type { Parse, Read } from './values.ts'

/** What the AWS SDK does not read for itself; credentials and endpoint it does. */
export type S3Config = {
  /** Undefined leaves it to the SDK, which does not know AWS_DEFAULT_REGION, as other tools of AWS do. */
  region: string | undefined
  /** The bucket in the path instead of the host name, as most stores but AWS's own want it. */
  forcePathStyle: boolean
}

/** A tracking server of MLflow. */
export type MlflowConfig = {
  /** Without a slash at the end. */
  trackingUri: string
  /** The value of the Authorization header. */
  authorization: Secret | undefined
}

/** The variables have the names that users of other tools know. */
export function readS3(read: Read<string>): S3Config {
  return {
    region: read('AWS_REGION', text) ?? read('AWS_DEFAULT_REGION', text),
    forcePathStyle: read('S3_FORCE_PATH_STYLE', flag(false)),
  }
}

/** The variables are those of MLflow's own client (mlflow.environment_variables). */
export function readMlflow(read: Read<string>): MlflowConfig | undefined {
  const token = read('MLFLOW_TRACKING_TOKEN', secret)
  const username = read('MLFLOW_TRACKING_USERNAME', text)
  const password = read(
    'MLFLOW_TRACKING_PASSWORD',
    username === undefined ? secret : required(secret, 'MLFLOW_TRACKING_USERNAME is set'),
  )
  const trackingUri = read('MLFLOW_TRACKING_URI', httpUri)
  if (trackingUri === undefined) return undefined
  return { trackingUri, authorization: authorization(token, username, password) }
}

// MLflow's client takes the user before the token, too (mlflow/utils/rest_utils.py).
function authorization(
  token: Secret | undefined,
  username: string | undefined,
  password: Secret | undefined,
): Secret | undefined {
  if (username !== undefined && password) {
    return new Secret(`Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`)
  }
  return token && new Secret(`Bearer ${token.reveal()}`)
}

const secret: Parse<Secret | undefined> = (value) => {
  const revealed = text(value)
  return revealed === undefined ? undefined : new Secret(revealed)
}

const httpUri: Parse<string | undefined> = (value) => {
  const uri = text(value)
  if (uri === undefined) return undefined
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url?.username || url?.password) {
    throw new Error('must not hold a user name or password; use MLFLOW_TRACKING_USERNAME and _PASSWORD')
  }
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return uri.replace(/\/+$/, '')
  throw new Error(`expected an http: or https: URL, ${got(value)}`)
}
