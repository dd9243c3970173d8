import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { access, cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { hierarchies } from '../cgroups.ts'
import { attempt, run } from '../command.ts'
import { readConfig } from '../config.ts'
import { goClient } from '../go-modules.ts'
import type { ClusterHandle } from '../handle.ts'
import { layoutOf } from '../layout.ts'
import { lock, type Lock } from '../lock.ts'
import { debianNode, runsHere } from '../node.ts'
import { readRecord } from '../node-record.ts'
import { identify, isRunning, namespaceProcesses } from '../process-identity.ts'

const config = readConfig({ name: 'e2e-node', range: '10.215.0.0/16', provider: 'debian' })
const layout = layoutOf(config)
const flags = ['--name', config.name, '--range', config.range, '--provider', 'debian']
const program = join(import.meta.dirname, '../cluster.ts')
const echo = join(import.meta.dirname, 'echo')

/** Elsewhere the cluster is kind's and has its own tests. */
const supported = await runsHere()

/** For what takes seconds on a machine with nothing else to do. */
const LIMIT_MS = 5 * 60_000

interface Ended {
  readonly code: number
  readonly output: string
}

const start = (verb: string, ...more: string[]): ChildProcessWithoutNullStreams =>
  spawn(process.execPath, [program, verb, ...flags, ...more])

const ended = async (child: ChildProcessWithoutNullStreams): Promise<Ended> => {
  const said: string[] = []
  child.stdout.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? -1, output: said.join('') }
}

const cluster = (verb: string, ...more: string[]): Promise<Ended> => ended(start(verb, ...more))

const untilSaid = (child: ChildProcessWithoutNullStreams, words: string): Promise<void> =>
  new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes(words)) resolve()
    })
    child.on('close', () => reject(new Error(`ended without saying ${words}`)))
  })

const initPid = async (): Promise<number> => {
  const pid = (await readRecord(layout))?.init?.pid
  // Zero would be this test's own process group.
  if (pid === undefined) throw new Error('the node has no init process')
  return pid
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** What a node could leave on the machine: by its own names, and in what it shares with everything else. */
const traces = async (): Promise<Record<string, unknown>> => {
  const links = await run('ip', ['-brief', 'link'])
  const routes = await run('ip', ['route', 'show', 'table', 'all'])
  const mounts = await readFile('/proc/self/mountinfo', 'utf8')
  const groups = (await hierarchies()).map((root) => join(root, layout.cgroup))
  const settings = ['kernel/panic', 'kernel/panic_on_oops', 'vm/overcommit_memory', 'net/ipv4/ip_forward']
  return {
    links: links.split('\n').filter((line) => line.includes(layout.hostDevice)),
    routes: routes.split('\n').filter((line) => line.includes('10.215.')),
    mounts: mounts.split('\n').filter((line) => line.includes(config.name)),
    groups: (await Promise.all(groups.map(exists))).filter(Boolean).length,
    directories: await Promise.all([layout.stateDir, layout.runDir].map(exists)),
    settings: await Promise.all(settings.map((name) => readFile(join('/proc/sys', name), 'utf8'))),
    rules: (await run('iptables-save', [])).split('\n').filter((line) => /KUBE|CNI/.test(line)),
  }
}

const connects = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 5000 })
    const end = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('connect', end(true)).on('error', end(false)).on('timeout', end(false))
  })

/** kube-proxy writes its rules a moment after a Service gets its endpoints, and nothing says when it has. */
const firstAnswer = async (url: string): Promise<string> => {
  for (;;) {
    const response = await fetch(url).catch(() => undefined)
    if (response !== undefined) return response.text()
    await wait(50)
  }
}

const when = supported ? describe : describe.skip

when('the node', () => {
  let before: Record<string, unknown> = {}
  let handle: ClusterHandle

  /** The one that was built with the node: the machine's, if it has any, is never used. */
  const kubectl = (...args: string[]): Promise<string> =>
    run(handle.kubectl, ['--kubeconfig', layout.kubeconfig, ...args])

  let turn: Lock | undefined

  beforeAll(async () => {
    // Another run of this suite on the machine would use the same node.
    turn = await lock('/run/modelrelease/.e2e-node.lock', () => undefined)
    await cluster('down')
    before = await traces()
  }, 600_000)

  afterAll(async () => {
    await cluster('down')
    await turn?.release()
  }, LIMIT_MS)

  test(
    'says first which Kubernetes it takes and why, also where no Go module proxy is reached',
    async () => {
      const cacheHome = await mkdtemp(join(tmpdir(), 'modelrelease-choice-'))
      await cp(dirname(await goClient(config.cacheDir)), join(cacheHome, 'modelrelease/go-client'), {
        recursive: true,
      })
      const env = { ...process.env, XDG_CACHE_HOME: cacheHome, GOPROXY: 'http://127.0.0.1:1' }
      const child = spawn(process.execPath, [program, 'prepare', ...flags, '--kubernetes=auto'], { env })
      const end = ended(child)
      await untilSaid(child, 'building Kubernetes')
      child.kill('SIGINT')
      const lines = (await end).output.split('\n')
      expect(lines[0]).toMatch(
        /^Kubernetes: 1\.36\.2 from Go modules if .* else 1\.20\.2 from Debian's sources$/,
      )
      expect(lines[1]).toMatch(/^Kubernetes 1\.20\.2 .*127\.0\.0\.1:1: connect: connection refused/)
      await rm(cacheHome, { recursive: true })
    },
    LIMIT_MS,
  )

  test(
    'up starts it, and leaves a handle that works',
    async () => {
      const { code, output } = await cluster('up')
      expect({ code, output }).toMatchObject({
        code: 0,
        output: expect.stringContaining('cluster e2e-node is up'),
      })
      expect(output).toMatch(/^Kubernetes:? 1\.\d+\.\d+ from /)
      expect(await cluster('status')).toMatchObject({
        code: 0,
        output: expect.stringContaining('is healthy'),
      })
      handle = await debianNode({ config, report: () => undefined }).attach()
      const versions = await kubectl('version', '--output=json')
      const { clientVersion, serverVersion } = JSON.parse(versions) as Record<string, { gitVersion: string }>
      expect(serverVersion?.gitVersion).toMatch(new RegExp(`^v1\\.${handle.kubernetesMinor}\\.`))
      expect(clientVersion?.gitVersion).toBe(serverVersion?.gitVersion)
    },
    LIMIT_MS,
  )

  test('runs a pod that may do nothing, from an image that was built here', async () => {
    await handle.build({ dockerfile: join(echo, 'Dockerfile'), tag: 'modelrelease/echo:test', context: echo })
    await handle.load('modelrelease/echo:test')
    await kubectl('apply', '--filename', join(echo, 'pod.json'))
    await kubectl('wait', '--for=condition=Ready', 'pod/echo', '--timeout=60s')
    expect(await kubectl('logs', 'echo')).toBe('echo listens')
    expect(await kubectl('exec', 'echo', '--', 'node', '-p', 'process.getuid()')).toBe('1000')
    const write = await attempt(handle.kubectl, [
      ...['--kubeconfig', layout.kubeconfig, 'exec', 'echo', '--', 'touch', '/file'],
    ])
    expect(write.stderr).toContain('Read-only file system')
  }, 180_000)

  test(
    'is reached through Services and NodePorts, and reaches this machine',
    async () => {
      const service = JSON.parse(await kubectl('get', 'service', 'echo', '--output=json')) as {
        spec: { clusterIP: string; ports: { nodePort: number }[] }
      }
      const port = service.spec.ports[0]?.nodePort ?? 0
      for (const url of [`http://${service.spec.clusterIP}/`, `http://${handle.nodeAddress}:${port}/`]) {
        expect(await firstAnswer(url)).toBe('echo')
      }
      const server = createServer((_, response) => response.end('machine')).listen(0, handle.hostAddress)
      await once(server, 'listening')
      const own = `http://${handle.hostAddress}:${(server.address() as AddressInfo).port}/`
      const question = `fetch('${own}').then((r) => r.text()).then(console.log)`
      expect(await kubectl('exec', 'echo', '--', 'node', '-e', question)).toBe('machine')
      server.close()
    },
    LIMIT_MS,
  )

  test(
    'answers pods the names of Services, and of nothing else',
    async () => {
      const lookUp = (name: string): Promise<string> => {
        const question = `require('dns').promises.lookup('${name}').then((r) => console.log(r.address), (e) => console.log(e.code))`
        return kubectl('exec', 'echo', '--', 'node', '-e', question)
      }
      const address = await kubectl('get', 'service', 'echo', '--output=jsonpath={.spec.clusterIP}')
      expect(await lookUp('echo.default.svc.cluster.local')).toBe(address)
      expect(await lookUp('echo.default')).toBe(address)
      for (const name of ['nobody.default.svc.cluster.local', 'example.com'])
        expect(await lookUp(name)).toBe('ENOTFOUND')
    },
    LIMIT_MS,
  )

  test(
    'keeps packets to unassigned addresses, and everything from pods, on the machine',
    async () => {
      expect(await connects('10.215.100.100', 80)).toBe(false)
      expect(await connects('10.215.200.200', 80)).toBe(false)
      // A documentation address that nothing answers: without a way out the kernel says so at once.
      const question = "fetch('http://198.51.100.1/').catch((e) => console.log(e.cause.code))"
      expect(await kubectl('exec', 'echo', '--', 'node', '-e', question)).toBe('ENETUNREACH')
    },
    LIMIT_MS,
  )

  test(
    'keeps custom resources, which an API server with the vendored reflect2 does not survive',
    async () => {
      await kubectl('apply', '--server-side', '--filename', join(echo, 'crd.json'))
      await kubectl('wait', '--for=condition=Established', 'crd/echoes.e2e.modelrelease.io', '--timeout=30s')
      await kubectl('apply', '--server-side', '--filename', join(echo, 'custom-resource.json'))
      expect(await kubectl('get', 'echoes', 'echo', '--output=jsonpath={.spec}')).toBe('{"a":"1","b":"2"}')
    },
    LIMIT_MS,
  )

  test('up again finds it up and leaves it alone', async () => {
    const init = await initPid()
    expect(await cluster('up')).toMatchObject({ code: 0, output: expect.stringContaining('already up') })
    expect(await initPid()).toBe(init)
  })

  test('another cluster may not take its range', async () => {
    const { code, output } = await ended(
      spawn(process.execPath, [
        program,
        'up',
        '--name',
        'e2e-other',
        '--range',
        config.range,
        '--provider=debian',
      ]),
    )
    expect(code).toBe(1)
    expect(output).toMatch(
      /^error: the range 10\.215\.0\.0\/16 overlaps .*; choose another, for example --range 10\.\d+/m,
    )
    expect(await exists('/run/modelrelease/e2e-other')).toBe(false)
  })

  test(
    'components that are killed come back, under the pods',
    async () => {
      const victims = ['cluster-dns', 'etcd', 'kube-apiserver', 'containerd', 'kubelet', 'kube-proxy']
      const running = await namespaceProcesses(await initPid())
      const killed = running.filter(({ command }) => victims.includes(command))
      expect(killed.map(({ command }) => command).sort()).toEqual([...victims].sort())
      for (const { pid } of killed) process.kill(pid, 'SIGKILL')
      expect(await cluster('up')).toMatchObject({ code: 0, output: expect.stringContaining('already up') })
      const pod = JSON.parse(await kubectl('get', 'pod', 'echo', '--output=json')) as {
        status: { containerStatuses: { restartCount: number }[] }
      }
      expect(pod.status.containerStatuses[0]?.restartCount).toBe(0)
    },
    LIMIT_MS,
  )

  test(
    'an init that is killed takes the node with it, and up starts a new one, also when called twice',
    async () => {
      const init = await initPid()
      const identity = await identify(init)
      process.kill(init, 'SIGKILL')
      while (identity !== undefined && (await isRunning(identity)));
      expect(await cluster('status')).toMatchObject({ code: 1, output: expect.stringContaining('is broken') })
      const both = await Promise.all([cluster('up'), cluster('up')])
      expect(both.map(({ code }) => code)).toEqual([0, 0])
      const outputs = both.map(({ output }) => output)
      expect(outputs.filter((output) => output.includes('is already up'))).toHaveLength(1)
      expect(outputs.filter((output) => output.includes('removing what an earlier start left'))).toHaveLength(
        1,
      )
      expect(await initPid()).not.toBe(init)
    },
    LIMIT_MS,
  )

  test(
    'down leaves nothing, and does nothing twice',
    async () => {
      expect(await cluster('down')).toMatchObject({ code: 0, output: expect.stringContaining('is down') })
      expect(await cluster('down')).toMatchObject({ code: 0, output: expect.stringContaining('was not up') })
      expect(await cluster('status')).toMatchObject({ code: 1, output: expect.stringContaining('is down') })
      expect(await cluster('kubeconfig')).toMatchObject({
        code: 1,
        output: expect.stringContaining('is not up'),
      })
      expect(await traces()).toEqual(before)
    },
    LIMIT_MS,
  )

  test(
    'Ctrl-C in the middle of up leaves nothing',
    async () => {
      const child = start('up')
      const end = ended(child)
      await untilSaid(child, 'namespaces and network')
      child.kill('SIGINT')
      expect(await end).toMatchObject({ code: 1, output: expect.stringContaining('error: stopped') })
      expect(await traces()).toEqual(before)
    },
    LIMIT_MS,
  )

  test(
    'an up that is killed in the middle is finished by down',
    async () => {
      const child = start('up')
      const end = ended(child)
      await untilSaid(child, 'namespaces and network')
      child.kill('SIGKILL')
      await end
      expect(await cluster('status')).toMatchObject({ code: 1, output: expect.stringContaining('cut short') })
      expect(await cluster('down')).toMatchObject({ code: 0 })
      expect(await traces()).toEqual(before)
    },
    LIMIT_MS,
  )
})
