import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { statFields } from '../cluster/process-identity.ts'
import { IDENTITY_ENV } from '../operator/api/names.ts'
import { watchMachine, type Machine } from './machine.ts'
import { stopProgram } from './program.ts'
import { stallsOf, type Sample } from './stalls.ts'

const LOOK_MS = 100
/** Rests until it is told to want all of a processor; polite enough to get next to nothing beside those who are not. */
const SERVER = "process.stdin.once('data', () => { for (;;); }); console.log('rests')"
const NEIGHBOR = 'for (;;);'
const WORKLESS = { ranMs: 0, waitedMs: 0 }

let folder: string
let machine: Machine
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stall-meter-'))
  machine = await watchMachine(folder, 'no cluster')
})

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await stopProgram(machine.program.identity)
  rmSync(folder, { recursive: true })
})

/** A server that has come to rest and is followed. */
async function startServer(color: string): Promise<ChildProcess> {
  const child = spawn('nice', ['-n', '19', process.execPath, '-e', SERVER], {
    env: { ...process.env, [IDENTITY_ENV.color]: color },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  await once(child.stdout, 'data')
  await samplesAfter(color, 0)
  return child
}

/** Twice as many as there are processors, all of which want one. */
function startNeighbors(): void {
  for (let count = 2 * availableParallelism(); count > 0; count -= 1)
    children.push(spawn(process.execPath, ['-e', NEIGHBOR], { stdio: 'ignore' }))
}

async function isStopped({ pid }: ChildProcess): Promise<boolean> {
  return statFields(await readFile(`/proc/${pid ?? 0}/stat`, 'utf8')).state === 'T'
}

/** What was seen of a server alone, once there are three samples more than `known`. */
async function samplesAfter(color: string, known: number): Promise<Sample[]> {
  for (;;) {
    const samples = machine.samples().flatMap(({ from, to, processes }) => {
      const name = Object.keys(processes).find((one) => one.startsWith(`${color} `))
      return name === undefined ? [] : [{ from, to, processes: { server: processes[name] ?? WORKLESS } }]
    })
    if (samples.length >= known + 3) return samples
    await sleep(LOOK_MS)
  }
}

test('a server that wants to run beside busy neighbors stalls', async () => {
  const server = await startServer('blue')
  startNeighbors()
  server.stdin?.write('run')
  let samples = await samplesAfter('blue', 0)
  while (stallsOf(samples).length === 0) samples = await samplesAfter('blue', samples.length)
})

test('a server that hangs beside busy neighbors does not', async () => {
  const server = await startServer('green')
  startNeighbors()
  server.kill('SIGSTOP')
  // It stops when it gets the processor next, and until then it waits like any other.
  while (!(await isStopped(server))) await sleep(LOOK_MS)
  const before = await samplesAfter('green', 0)
  const { length } = await samplesAfter('green', before.length)
  expect(stallsOf((await samplesAfter('green', length)).slice(length))).toEqual([])
})

test('of servers of another cluster, or of nobody, nothing is seen', async () => {
  await startServer('blue')
  const names = machine.samples().flatMap(({ processes }) => Object.keys(processes))
  expect([...new Set(names.map((name) => name.replace(/ \d+$/, '')))].sort()).toEqual([
    'blue',
    'clock',
    'demo/stall-meter.ts',
  ])
})
