/** Programs on a PATH that ask this process what to answer: for scripts that call what is not to be had here. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export const ROOT = new URL('../../..', import.meta.url).pathname

export type Called = { program: string; args: string[]; input: string }
export type Answer = { out?: string; err?: string; code?: number }
export type Ran = { code: number; out: string; err: string }

export class Programs {
  /** Every call of any program, oldest first. */
  readonly calls: Called[] = []
  /** The home of whoever runs a script; its programs are in it too. */
  readonly folder = mkdtempSync(join(tmpdir(), 'programs-'))
  readonly #answer: (call: Called) => Answer | Promise<Answer>
  #server: Server | undefined

  constructor(answer: (call: Called) => Answer | Promise<Answer>) {
    this.#answer = answer
  }

  /** Puts programs of these names on the PATH. */
  async open(names: readonly string[]): Promise<void> {
    const server = createServer((socket) => {
      let received = ''
      socket.setEncoding('utf8')
      socket.on('error', () => undefined)
      socket.on('data', (text: string) => {
        received += text
        const fields = received.split(END)
        // What is after the last end is no field.
        if (fields.length - 1 === Number(fields[0]) + 3) void this.#reply(socket, fields.slice(1, -1))
      })
    })
    this.#server = server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (const name of names) writeFileSync(join(this.folder, name), programText(name, port), { mode: 0o755 })
  }

  async #reply(socket: Socket, [program = '', ...rest]: string[]): Promise<void> {
    const call: Called = { program, args: rest.slice(0, -1), input: rest.at(-1) ?? '' }
    this.calls.push(call)
    const {
      out = '',
      err = '',
      code = 0,
    } = await Promise.resolve(call)
      .then(this.#answer)
      .catch((error: unknown): Answer => ({ err: String(error), code: 255 }))
    socket.end([code, out, err, ''].join(END))
  }

  close(): void {
    this.#server?.close()
    rmSync(this.folder, { recursive: true })
  }

  /** Runs a script of this repository as a person would. */
  async run(script: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Ran> {
    const child = spawn('bash', [join(ROOT, script), ...args], {
      env: {
        PATH: `${this.folder}:${join(ROOT, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
        HOME: this.folder,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ])
    return { code, out, err }
  }

  /** The command lines since the last time this was asked. */
  lines(): string[] {
    return this.calls.splice(0).map(({ program, args }) => [program, ...args].join(' '))
  }
}

/** Between the fields of what is sent; no argument of a program can have one in it. */
const END = '\0'

/** A program that passes on how it was called, and answers what it is told. Bash alone, since scripts call it often. */
function programText(program: string, port: number): string {
  return `#!/bin/bash
input=
if [ -p /dev/stdin ] || [ -f /dev/stdin ]; then input=$(cat); fi
exec 3<>/dev/tcp/127.0.0.1/${port}
printf '%s\\0' "$#" '${program}' "$@" "$input" >&3
IFS= read -r -d '' code <&3
IFS= read -r -d '' out <&3
IFS= read -r -d '' err <&3
[ -z "$out" ] || printf '%s\\n' "$out"
[ -z "$err" ] || printf '%s\\n' "$err" >&2
exit "$code"
`
}
