/** A constant message and its data; undefined members are left out. */
export type Log = (message: string, data?: Record<string, unknown>) => void

/** One JSON line per entry on stderr; stdout carries only the line that tells the ports. */
export const logToStderr: Log = (message, data = {}) => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message, ...data })}\n`)
}
