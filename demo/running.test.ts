import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals'
import { clusterConfig, type ClusterConfig } from '../cluster/config.ts'
import type { ClusterState } from '../cluster/handle.ts'
import { identify, isRunning, type ProcessIdentity } from '../cluster/process-identity.ts'
import { allRunning, claimRunning, isAbandoned, stopRunning, TakenError, writeRunning } from './running.ts'

const folder = mkdtempSync(join(tmpdir(), 'modelrelease-running-'))
const config = clusterConfig({ name: 'demo', provider: 'debian' }, { XDG_CACHE_HOME: folder })
const said: string[] = []
const children: ChildProcess[] = []

/** The one cluster there is. */
let clusterState: ClusterState['type']
const clusterOf = () =>
  Promise.resolve({
    state: () => Promise.resolve({ type: clusterState } as ClusterState),
    down: () => {
      clusterState = 'Down'
      return Promise.resolve()
    },
  })

beforeEach(() => {
  clusterState = 'Up'
  said.length = 0
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(join(folder, 'modelrelease'), { recursive: true, force: true })
})

afterAll(() => rmSync(folder, { recursive: true }))

const claim = () =>
  claimRunning({ config, logDir: '/logs', report: (line) => void said.push(line), clusterOf })

async function program(): Promise<ProcessIdentity> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  children.push(child)
  const identity = await identify(child.pid ?? 0)
  if (identity === undefined) throw new Error('sleep did not start')
  return identity
}

async function ended(): Promise<ProcessIdentity> {
  const identity = await program()
  const child = children.pop()
  child?.kill('SIGKILL')
  if (child) await once(child, 'exit')
  return identity
}

const record = (): string => readFileSync(join(folder, 'modelrelease/environments/demo.json'), 'utf8')

/** Says why, and changes neither the cluster nor the programs nor the record. */
async function refuses(words: RegExp, running: ProcessIdentity[] = []): Promise<void> {
  const before = existsSync(join(folder, 'modelrelease/environments/demo.json')) ? record() : undefined
  const error = await claim().then(
    () => undefined,
    (cause: unknown) => cause as Error,
  )
  expect(error).toBeInstanceOf(TakenError)
  expect(error?.message).toMatch(words)
  expect(error?.message).toContain('Nothing was changed.')
  expect(clusterState).toBe('Up')
  expect(await Promise.all(running.map(isRunning))).toEqual(running.map(() => true))
  if (before !== undefined) expect(record()).toBe(before)
  expect(said.filter((line) => line.startsWith('removing'))).toEqual([])
}

test('what KEEP=1 left is not touched, and how to look at it is said again', async () => {
  const own = await program()
  const kept = 'Look around:\n  edges: http://127.0.0.1:1\nStop and remove it: make clean'
  writeRunning({ config, owner: await ended(), programs: [own], logDir: '/logs', kept })
  await refuses(/KEEP=1 left running\.\nLook around:\n.*edges.*\nStop and remove it: make clean/, [own])
})

test('neither is one whose programs are gone and whose cluster stands', async () => {
  writeRunning({ config, owner: await ended(), programs: [], logDir: '/logs', kept: 'make clean' })
  await refuses(/KEEP=1/)
})

test('after a restart of the machine nothing of it stands, and it is forgotten', async () => {
  clusterState = 'Down'
  writeRunning({
    config,
    owner: await ended(),
    programs: [await ended()],
    logDir: '/logs',
    kept: 'make clean',
  })
  expect((await claim()).kept).toBeUndefined()
})

test('a run that is under way is not touched', async () => {
  const owner = await program()
  writeRunning({ config, owner, programs: [owner], logDir: '/logs' })
  await refuses(new RegExp(`process ${owner.pid} uses cluster demo right now`), [owner])
})

test('what a run that crashed left is removed', async () => {
  const own = await program()
  writeRunning({ config, owner: await ended(), programs: [own], logDir: '/logs' })
  await claim()
  expect(said).toContain('removing what an earlier run left: cluster demo')
  expect(clusterState).toBe('Down')
  expect(await isRunning(own)).toBe(false)
})

test('a cluster that somebody made by hand is not touched', async () => {
  await refuses(/none of our runs made it.*npm run cluster -- down --name demo/)
})

test('a context of the user is one cluster, whatever name it is used under', async () => {
  const owner = await program()
  const context = { ...config, provider: 'context', context: 'mine' } as const
  writeRunning({ config: { ...context, name: 'other' }, owner, programs: [], logDir: '/logs' })
  const claims = (one: ClusterConfig) =>
    claimRunning({ config: one, logDir: '/logs', report: () => undefined, clusterOf })
  await expect(claims(context)).rejects.toThrow(`process ${owner.pid} uses cluster other right now`)
  await expect(claims({ ...context, context: 'yours' })).resolves.toBeDefined()
})

test('of two that begin at once one gets it', async () => {
  clusterState = 'Down'
  const both = await Promise.allSettled([claim(), claim()])
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})

test('what was claimed is listed for make clean, and forgotten once it is stopped', async () => {
  clusterState = 'Down'
  const running = await claim()
  expect(allRunning(config)).toEqual([running])
  await stopRunning(running, () => undefined, clusterOf)
  expect(allRunning(config)).toEqual([])
})

test('abandoned is what no process uses any more and nobody asked to keep', async () => {
  clusterState = 'Down'
  const running = await claim()
  expect(await isAbandoned(running)).toBe(false)
  expect(await isAbandoned({ ...running, owner: await ended() })).toBe(true)
  expect(await isAbandoned({ ...running, owner: await ended(), kept: 'look around' })).toBe(false)
  expect(await isAbandoned({ ...running, owner: undefined })).toBe(true)
})
