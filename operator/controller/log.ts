/** The four verbs of a structured log; a pino logger is one. The message is constant, what varies stands in `data`. */
export type Log = {
  debug(data: object, message: string): void
  info(data: object, message: string): void
  warn(data: object, message: string): void
  error(data: object, message: string): void
}

const nothing = (): undefined => undefined

/** A log that keeps nothing. */
export const silent: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
