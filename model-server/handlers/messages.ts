/** What the server and a handler's thread say to each other. All of it survives a structured clone. */
import type {
  ExecOptions,
  ExecResult,
  Form,
  Handler,
  HandlerLog,
  ModelInfo,
  NamedTensors,
} from './handler.ts'

/** What a thread is made from: the very bytes that were hashed, so that every thread ever started runs the same. */
export type ThreadData = {
  /** Of the file: for its relative imports, for stack traces, and for its type by its extension. */
  url: string
  source: string
  /** With a pinned digest nothing but the file may be loaded. */
  pinned: boolean
  settings: Readonly<Record<string, unknown>>
}

/** What the server has to know of a handler. */
export type Description = Pick<Handler, 'model'> & { hasSelftest: boolean } & (
    | { accepts: 'application/json' }
    | { accepts: 'multipart/form-data'; fileField: string; textFields: readonly string[] }
  )

/** What a thread is asked to do. */
export type Task = {
  model: ModelInfo
  remainingMs: number
  work:
    | { type: 'Selftest' }
    /** Still to be parsed, which may take long. */
    | { type: 'Json'; body: Uint8Array }
    | { type: 'Form'; form: Form }
}

/** How long the steps of a request took, in seconds. */
export type Times = { preprocess: number; postprocess: number }

/** How a task ended. */
export type Outcome =
  | { type: 'Answered'; body: Uint8Array; times: Times }
  | { type: 'Refused'; status: number; message: string }
  /** For the log. */
  | { type: 'Failed'; message: string; stack: string | undefined }

/** What a thread asks of the server while it works. */
export type Request =
  | { type: 'Run'; inputs: NamedTensors }
  | { type: 'Exec'; program: string; args: readonly string[]; options: ExecOptions }

/** What the server answers; an error with a status may become the answer to the client. */
export type Reply =
  | { type: 'Outputs'; outputs: NamedTensors }
  | { type: 'Executed'; result: ExecResult }
  | { type: 'Error'; status: number | undefined; message: string }

/** From the server to a thread. */
export type ToThread =
  | { type: 'Begin'; task: Task }
  | { type: 'Abort'; reason: string }
  | { type: 'Reply'; id: number; reply: Reply }

/** From a thread to the server. */
export type FromThread =
  | { type: 'Loaded'; description: Description }
  | { type: 'Unusable'; message: string }
  | { type: 'Request'; id: number; request: Request }
  | { type: 'Log'; level: keyof HandlerLog; message: string; data: string | undefined }
  | { type: 'Done'; outcome: Outcome }
