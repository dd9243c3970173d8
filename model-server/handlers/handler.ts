/**
 * What a handler is: work before and after the model, given as the default export of an ES module. Only types: a handler
 * imports nothing from the server at run time. In TypeScript `export default {…} satisfies Handler`, in JavaScript
 * `/** @type {import('@modelrelease/model-server/handler').Handler} *\/`. See docs/model-server/handlers.md.
 */
import type { Tensor, TensorSpec } from '../tensor/tensor.ts'

export type { Datatype, Tensor, TensorData, TensorSpec } from '../tensor/tensor.ts'

/** Tensors by the names that the model gives them. */
export type NamedTensors = Readonly<Record<string, Tensor>>

/** Answers `POST /run`. Runs in a thread of its own, one request at a time. `State` is what its steps tell each other in `context.state`. */
export type Handler<State extends object = Record<string, unknown>> = JsonHandler<State> | FormHandler<State>

/** Takes any JSON. */
export type JsonHandler<State extends object = Record<string, unknown>> = Common<State> & {
  accepts: 'application/json'
  /** The inputs of the model. */
  preprocess: (input: unknown, context: Context<State>) => NamedTensors | Promise<NamedTensors>
}

/** Takes a form with one file, as `curl -F file=@clip.mp4` sends it. */
export type FormHandler<State extends object = Record<string, unknown>> = Common<State> & {
  accepts: 'multipart/form-data'
  /** The field with the file; `file` by default. A form without it is refused. */
  fileField?: string
  /** Text fields that the form may have besides; any other is refused. */
  textFields?: readonly string[]
  /** The inputs of the model. */
  preprocess: (form: Form, context: Context<State>) => NamedTensors | Promise<NamedTensors>
}

type Common<State extends object> = {
  /** Which of the server's models it works with; the first one by default. */
  model?: string
  /** The answer, as anything that JSON.stringify takes. */
  postprocess: (outputs: NamedTensors, context: Context<State>) => unknown
  /** Runs once, when the model is loaded and before the server is ready. If it throws, the server never is. */
  selftest?: (context: Context<State>) => void | Promise<void>
}

/** An upload. What the client says about the file (its name, its type) is not here: it is not to be trusted. */
export type Form = {
  file: { path: string; bytes: number }
  /** The text fields that were sent. */
  fields: Readonly<Record<string, string>>
  /** Holds the file and is the place for others; deleted with all that is in it after the answer. */
  folder: string
}

/** What a handler may use for the request at hand. */
export type Context<State extends object = Record<string, unknown>> = {
  model: ModelInfo
  /** HANDLER_SETTINGS. */
  settings: Readonly<Record<string, unknown>>
  /** Empty at first, and the same object in every step of one request. */
  state: State
  /** Writes to the server's log. */
  log: HandlerLog
  /** Aborted when the deadline passed or the client left; whoever then does not end soon is ended. */
  signal: AbortSignal
  /** Milliseconds until the deadline. */
  remainingMs: () => number
  /** Run the model, as often as needed; all of its outputs. The server runs it once anyway, with what `preprocess` returns. */
  run: (inputs: NamedTensors) => Promise<NamedTensors>
  /** Run a program, which does not outlive the request. Rejects where it cannot be started or writes too much, not where it fails. */
  exec: (program: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>
  /** Answer with this status, from 400 to 499, and `{"error": message}`. Every other error is a 500, and its words stay in the log. */
  refuse: (status: number, message: string) => never
}

/** A model as `GET /v2/models/{m}` describes it, and the digest of its bytes. */
export type ModelInfo = {
  name: string
  version: string
  sha256: string
  inputs: readonly TensorSpec[]
  outputs: readonly TensorSpec[]
}

/** A constant message, and data beside it. */
export type HandlerLog = Record<LogLevel, (message: string, data?: Readonly<Record<string, unknown>>) => void>

/** Levels of the server's log. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** How to run a program. */
export type ExecOptions = {
  /** The working directory; the root by default. */
  cwd?: string
  /** More on stdout than this is an error; 16 MiB by default. */
  maxStdoutBytes?: number
}

/** How a program ended. */
export type ExecResult = {
  /** Null where a signal ended it. */
  code: number | null
  stdout: Uint8Array
  /** The last 8 KiB. */
  stderr: string
}
