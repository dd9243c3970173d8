/** The real server as a child process on a free port of 127.0.0.1. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

type LogLine = { msg: string; [key: string]: unknown }

/** A running server; `log` grows while it runs. */
export class ServerProcess {
  readonly child: ChildProcess
  readonly log: LogLine[] = []
  stderr = ''
  readonly exited: Promise<number | null>
  #waiting: { match: (line: LogLine) => boolean; resolve: (line: LogLine) => void }[] = []

  constructor(env: Readonly<Record<string, string>>) {
    // Only what is given: the settings of whoever runs the tests must not leak in.
    this.child = spawn(process.execPath, [MAIN], {
      env: { PORT: '0', OPS_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    // 'exit' may come before the last of what it said.
    this.exited = once(this.child, 'close').then(([code]) => code as number | null)
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()))
    if (this.child.stdout) createInterface(this.child.stdout).on('line', (line) => this.#read(line))
  }

  /** The first line, past or to come, with this message. */
  logged(message: string): Promise<LogLine> {
    return this.loggedWhere((line) => line.msg === message, message)
  }

  /** The same for a line that is found in another way; `what` is for the error. */
  loggedWhere(match: (line: LogLine) => boolean, what = 'a line'): Promise<LogLine> {
    const past = this.log.find(match)
    if (past) return Promise.resolve(past)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ match, resolve })
      void this.exited.then((code) =>
        reject(new Error(`exited with ${code} before '${what}': ${this.stderr}`)),
      )
    })
  }

  /** `http://127.0.0.1:port`, once it listens. */
  origin(): Promise<string> {
    return this.#originOf('Listening')
  }

  /** The same of the port for operations. */
  opsOrigin(): Promise<string> {
    return this.#originOf('Listening for operations')
  }

  async #originOf(message: string): Promise<string> {
    const { address } = await this.logged(message)
    return `http://127.0.0.1:${(address as { port: number }).port}`
  }

  /** End it whatever it does; for afterEach. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.exited
  }

  #read(text: string): void {
    const line = JSON.parse(text) as LogLine
    this.log.push(line)
    for (const { resolve } of this.#waiting.filter(({ match }) => match(line))) resolve(line)
    this.#waiting = this.#waiting.filter(({ match }) => !match(line))
  }
}
