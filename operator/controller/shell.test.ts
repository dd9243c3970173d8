import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FakeApiServer } from './testing/fake-api-server.ts'

/**
 * Everything here runs the real @dot-i/k8s-operator, in a process of its own: jest cannot load it. The programs are
 * testing/*.ts; each prints one word or sentence per line.
 */
let server: FakeApiServer
let folder: string
let running: Program[]

beforeEach(async () => {
  server = await FakeApiServer.start()
  folder = await mkdtemp(join(tmpdir(), 'operator-shell-'))
  running = []
})

afterEach(async () => {
  for (const program of running) await program.kill()
  await server.stop()
  await rm(folder, { recursive: true })
})

class Program {
  readonly lines: string[] = []
  readonly #child: ChildProcess
  readonly exited: Promise<unknown[]>

  constructor(file: string, kubeconfig: string, args: string[] = []) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'testing', file), ...args], {
      env: { KUBECONFIG: kubeconfig },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    // 'exit' may come before the last line.
    this.exited = once(this.#child, 'close')
    if (!this.#child.stdout) throw new Error('the program has no output')
    createInterface(this.#child.stdout).on('line', (line) => {
      this.lines.push(line)
      server.nudge()
    })
  }

  async said(line: string): Promise<void> {
    await server.until(() => this.lines.includes(line))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }
}

async function run(file: string, args?: string[]): Promise<Program> {
  const kubeconfig = join(folder, 'kubeconfig')
  const config = {
    'current-context': 'fake',
    clusters: [{ name: 'fake', cluster: { server: server.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'fake', user: { token: 'secret' } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  const program = new Program(file, kubeconfig, args)
  running.push(program)
  return program
}

describe('the operator shell on the real package', () => {
  test('loads the kubeconfig, watches, lists again after a drop, and stops', async () => {
    server.put('a')
    const program = await run('shell-program.ts')
    await program.said('Synced 1')
    await server.until(() => server.openWatches === 2)
    expect(server.received[0]?.headers.authorization).toBe('Bearer secret')
    server.dropWatches()
    await server.until(() => program.lines.filter((line) => line === 'Synced 1').length === 2)
    await server.until(() => server.openWatches === 2)
    server.put('b')
    await program.said('Added models/b')
    await program.said('event ADDED b')
    program.signal('SIGTERM')
    expect(await program.exited).toEqual([0, null])
    expect(program.lines[0]).toBe('deployments.apps not listed yet, pods in models not listed yet')
    expect(program.lines.at(-1)).toBe('stopped')
  })

  test('refuses the helpers that do not work, and says what to use instead', async () => {
    const program = await run('shell-program.ts', ['helpers'])
    expect(await program.exited).toEqual([0, null])
    const helpers = [
      'registerCustomResourceDefinition',
      'getCustomResourceApiUri',
      'setResourceStatus',
      'patchResourceStatus',
      'handleResourceFinalizer',
      'setResourceFinalizers',
      'applyAxiosKubeConfigAuth',
      'applyGaxiosKubeConfigAuth',
    ]
    expect(program.lines).toHaveLength(helpers.length)
    helpers.forEach((helper, index) => {
      expect(program.lines[index]).toMatch(
        new RegExp(`^${helper} of @dot-i/k8s-operator does not work .*; (use|install|write) `),
      )
    })
  })
})

describe('a leader that is stopped and goes on', () => {
  test('writes nothing more and exits, after another took over', async () => {
    const a = await run('leader-program.ts', ['a', server.url])
    await a.said('leading')
    const b = await run('leader-program.ts', ['b', server.url])
    await b.said('standing by')
    const holder = () => (server.object('system/election')?.spec as { holderIdentity: string }).holderIdentity
    const writesOfA = () =>
      server.received.filter(({ method, url }) => method === 'POST' && url.searchParams.get('by') === 'a')
    await server.until(() => writesOfA().length > 0)
    a.signal('SIGSTOP')
    await b.said('leading')
    expect(holder()).toBe('b')
    const before = server.received.length
    const written = writesOfA().length
    a.signal('SIGCONT')
    expect(await a.exited).toEqual([1, null])
    expect(a.lines.at(-1)).toMatch(/^lost: /)
    // A renewal may have been on its way when it was stopped; a conflict told it nothing new and changed nothing.
    expect(writesOfA()).toHaveLength(written)
    const renewals = server.received.slice(before).filter(({ body }) => body.includes('"holderIdentity":"a"'))
    expect(renewals.length).toBeLessThanOrEqual(1)
    expect(holder()).toBe('b')
  })
})
