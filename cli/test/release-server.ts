/** An API server with ModelReleases, behind a door that can be shut: what the program meets over the wire. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Status } from '../../operator/api/release.ts'
import { storedSpec } from '../checks/lint.ts'
import {
  FakeApiServer,
  status as refusal,
  type Refusal,
  type Seen,
} from '../../operator/test/fakes/api-server.ts'
import type { ExitCode } from '../errors.ts'
import type { Io } from '../io.ts'
import { runCli } from '../program.ts'

export const COLLECTION = '/apis/modelrelease.io/v1alpha1/namespaces/models/modelreleases'

type Json = Record<string, unknown>
type Stored = {
  metadata: { name: string; generation: number; uid: string; annotations?: Json }
  spec: unknown
  status?: Status
}

export class ReleaseServer {
  readonly fake = new FakeApiServer()
  /** Asked before the server's own answers. */
  refuse: (seen: Seen) => Refusal | undefined = () => undefined
  #door: Server | undefined
  readonly #sockets = new Set<Socket>()
  #port = 0
  #behind = 0
  kubeconfig = ''

  async start(): Promise<this> {
    const kubeConfig = await this.fake.listen()
    this.#behind = Number(new URL(kubeConfig.getCurrentCluster()?.server ?? '').port)
    this.fake.refuse = (seen) => this.refuse(seen) ?? this.#apply(seen)
    await this.open()
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'one',
      clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${this.#port}` } }],
      users: [{ name: 'u', user: {} }],
      contexts: [{ name: 'one', context: { cluster: 'c', user: 'u', namespace: 'models' } }],
    }
    this.kubeconfig = join(mkdtempSync(join(tmpdir(), 'modelrelease-cli-')), 'config')
    writeFileSync(this.kubeconfig, JSON.stringify(config))
    return this
  }

  /** The API server can be reached, at the address that it always had. */
  async open(): Promise<void> {
    const door = createServer((socket) => {
      const behind = connect(this.#behind, '127.0.0.1')
      for (const one of [socket, behind]) {
        this.#sockets.add(one)
        one
          .on('error', () => undefined)
          .on('close', () => {
            socket.destroy()
            behind.destroy()
          })
      }
      socket.pipe(behind).pipe(socket)
    })
    this.#door = door
    await new Promise<void>((resolve) => door.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (door.address() as AddressInfo).port
  }

  /** Nobody reaches it any more: open connections are cut, new ones refused. */
  async shut(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
    await new Promise((resolve) => this.#door?.close(resolve))
  }

  async stop(): Promise<void> {
    await this.shut()
    await this.fake.close()
  }

  release(name: string): Stored | undefined {
    return this.fake.at(`${COLLECTION}/${name}`) as unknown as Stored | undefined
  }

  /** The operator writes a status. */
  status(name: string, next: Status): void {
    this.fake.put(COLLECTION, { ...this.release(name), status: next })
  }

  /** Server-side apply, as far as one writer sees it: a generation for each spec. */
  #apply({ method, path, query, body }: Seen): Refusal | undefined {
    if (method !== 'PATCH' || !query.has('fieldManager')) return undefined
    const before = this.fake.at(path) as unknown as Stored | undefined
    const spec = storedSpec(body.spec)
    const isSame = JSON.stringify(before?.spec) === JSON.stringify(spec)
    const generation = (before?.metadata.generation ?? 0) + (isSame ? 0 : 1)
    const metadata = { ...before?.metadata, ...(body.metadata as Json), generation }
    const object = { ...before, apiVersion: body.apiVersion, kind: body.kind, metadata, spec }
    if (query.get('dryRun') === 'All')
      return { status: 200, body: { ...object, metadata: { uid: 'dry', ...metadata } } }
    return { status: before ? 200 : 201, body: this.fake.put(COLLECTION, object) }
  }
}

export const forbidden = (message: string): Refusal => refusal(403, 'Forbidden', message)

export type Run = {
  code: Promise<ExitCode>
  out: () => string
  err: () => string
  interrupt: () => void
  until: (text: string) => Promise<void>
}

/** Runs the program as a person would, over the wire. */
export function startCli(
  server: Pick<ReleaseServer, 'kubeconfig'>,
  argv: readonly string[],
  changes: Partial<Io> = {},
): Run {
  let out = ''
  let err = ''
  const ended = new AbortController()
  const waiters = new Set<() => void>()
  const io: Io = {
    stdout: {
      write: (text) => {
        out += text
        for (const wake of waiters) wake()
      },
    },
    stderr: { write: (text) => (err += text) },
    readStdin: () => Promise.resolve(''),
    environment: {
      kubeconfig: server.kubeconfig,
      home: undefined,
      noColor: true,
      dumbTerminal: false,
      debug: false,
    },
    now: () => Date.now(),
    sleep: (ms, signal) =>
      setTimeout(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined),
    signal: ended.signal,
    ...changes,
  }
  const code = runCli(argv, io)
  return {
    code,
    out: () => out,
    err: () => err,
    interrupt: () => ended.abort(),
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (out.includes(text)) resolve()
        }
        waiters.add(look)
        look()
        void code.then((exit) =>
          reject(new Error(`ended with ${exit} before it said "${text}":\n${out}${err}`)),
        )
      }),
  }
}

/** Runs it to its end. */
export async function cli(
  server: Pick<ReleaseServer, 'kubeconfig'>,
  argv: readonly string[],
  changes: Partial<Io> = {},
): Promise<{ code: ExitCode; out: string; err: string }> {
  const run = startCli(server, argv, changes)
  const code = await run.code
  return { code, out: run.out(), err: run.err() }
}
