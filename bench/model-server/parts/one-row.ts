import { fileURLToPath } from 'node:url'
import { column, interleaved, modelServer, startServer, withServers } from '../context.ts'
import type { Context, Part, Running, ServerCommand } from '../context.ts'
import { BARE_HOUSING, HOUSING, bareRuns } from '../bare-runs.ts'
import { atRate, expectStatuses, saturate } from '../load.ts'
import type { Loaded } from '../load.ts'
import type { Measure } from '../measure.ts'
import type { OpenLoopResult } from '../open-loop.ts'
import { HOUSING_ROWS, housingRows } from '../questions.ts'
import type { Question } from '../questions.ts'
import { ratios, spreadOf } from '../statistics.ts'

const CONNECTIONS = 32
const OURS = 'model-server'
const EXPRESS = 'express'
/** Of what the slower of both takes at most: busy, and not yet queueing for its own sake. */
const OPEN_LOOP_SHARE = 0.5

const peer = (file: string): string => fileURLToPath(new URL(`../peers/${file}`, import.meta.url))

const express: ServerCommand = (port) => ({
  argv: [process.execPath, peer('express.mjs'), String(port)],
  env: { NODE_ENV: 'production' },
})
const hello: ServerCommand = (port) => ({ argv: [process.execPath, peer('http-hello.mjs'), String(port)] })
const flask: ServerCommand = (port) => ({
  argv: [
    ...(['/usr/bin/python3', '-B', '-m', 'gunicorn'] as const),
    ...['--workers', '1', '--bind', `127.0.0.1:${port}`, 'flask_app:app'],
  ],
  cwd: peer('.'),
  env: { HOME: '/nonexistent' },
})

export const oneRow: Part = {
  title: 'One row as JSON, 32 connections, one core',
  run: (context) => {
    const contenders = {
      'node:http': hello,
      [EXPRESS]: express,
      [OURS]: modelServer(context, HOUSING),
      Flask: flask,
    }
    const starts = Object.fromEntries(
      Object.entries(contenders).map(([name, command]) => [
        name,
        () => startServer(context, name.replace(':', '-'), command),
      ]),
    )
    return withServers(starts, (servers) => measure(context, servers))
  },
}

async function measure(context: Context, servers: Readonly<Record<string, Running>>): Promise<Measure[]> {
  const closed = await interleaved(
    context,
    Object.fromEntries(
      Object.entries(servers).map(([name, server]) => [
        name,
        () => saturate(context, server, { questions: questionsFor(name), connections: CONNECTIONS }),
      ]),
    ),
  )
  const runs = await interleaved(context, {
    runtime: () => bareRuns(context, { ...BARE_HOUSING, shape: '1x6' }),
  })
  const slower = Math.min(...[EXPRESS, OURS].map((name) => spreadOf(column(closed, name, perSecond)).median))
  const rate = Math.floor((slower * OPEN_LOOP_SHARE) / 100) * 100
  const open = await interleaved(
    context,
    Object.fromEntries(
      Object.entries(servers)
        .filter(([name]) => name === EXPRESS || name === OURS)
        .map(([name, server]) => [name, () => openRun(context, server, rate)]),
    ),
  )
  return [
    ...targets(closed),
    ...openMeasures(open, rate),
    ...Object.keys(servers).flatMap((name) => raw(closed, name)),
    { name: 'bare `session.run`', unit: '/s', values: column(runs, 'runtime', (run) => run.perSecond) },
  ]
}

/** A peer that always says the same is asked for the one row whose answer that is. */
function questionsFor(name: string): [Question, ...Question[]] {
  const first = housingRows([0])
  if (name !== OURS && name !== 'Flask') return [first]
  return [first, ...Array.from({ length: HOUSING_ROWS - 1 }, (_, index) => housingRows([index + 1]))]
}

async function openRun(context: Context, server: Running, rate: number): Promise<OpenLoopResult> {
  const result = await atRate(context, server, { question: 'row', rate, connections: 128 })
  expectStatuses(result, [200])
  return result
}

const perSecond = (loaded: Loaded): number => loaded.perSecond
const cpuMicros = (loaded: Loaded): number => loaded.cpuMicros
const p99Ms = (loaded: Loaded): number => loaded.p99Ms

function targets(closed: Readonly<Record<string, Loaded[]>>): Measure[] {
  const by = (name: string, pick: (loaded: Loaded) => number, inverse = false): number[] => {
    const [ours, theirs] = [column(closed, OURS, pick), column(closed, name, pick)]
    return inverse ? ratios(theirs, ours) : ratios(ours, theirs)
  }
  return [
    { name: 'throughput, of express', unit: '', values: by(EXPRESS, perSecond), target: { least: 0.9 } },
    {
      name: 'CPU time of express per request, of ours',
      unit: '',
      values: by(EXPRESS, cpuMicros, true),
      target: { least: 0.9 },
      note: 'the same as throughput where the core is ours alone, and steadier where it is not',
    },
    { name: 'p99, of express', unit: '', values: by(EXPRESS, p99Ms), target: { most: 1.5 } },
    { name: 'throughput, of Flask', unit: '', values: by('Flask', perSecond), target: { least: 30 } },
    { name: 'CPU time of Flask per request, of ours', unit: '', values: by('Flask', cpuMicros, true) },
  ]
}

function openMeasures(open: Readonly<Record<string, OpenLoopResult[]>>, rate: number): Measure[] {
  const of = (name: string, pick: (result: OpenLoopResult) => number): number[] => column(open, name, pick)
  const note = `open loop, ${rate.toLocaleString('en-US')} requests a second, from the due time`
  return [
    {
      name: 'p99 at a fixed rate, of express',
      unit: '',
      values: ratios(
        of(OURS, (one) => one.p99Ms),
        of(EXPRESS, (one) => one.p99Ms),
      ),
      note,
    },
    ...[OURS, EXPRESS].flatMap((name) => [
      { name: `${name}: p50 at a fixed rate`, unit: 'ms', values: of(name, (one) => one.p50Ms) },
      { name: `${name}: p99 at a fixed rate`, unit: 'ms', values: of(name, (one) => one.p99Ms) },
    ]),
  ]
}

function raw(closed: Readonly<Record<string, Loaded[]>>, name: string): Measure[] {
  return [
    { name: `${name}: throughput`, unit: '/s', values: column(closed, name, perSecond) },
    { name: `${name}: CPU time per request`, unit: 'µs', values: column(closed, name, cpuMicros) },
    { name: `${name}: p99`, unit: 'ms', values: column(closed, name, p99Ms) },
  ]
}
