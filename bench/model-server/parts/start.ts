import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { HOUSING } from '../bare-runs.ts'
import { column, interleaved, modelServer, startServer } from '../context.ts'
import type { Context, Part } from '../context.ts'
import type { Measure } from '../measure.ts'

const MIB = 2 ** 20

/** From the start of the process to the first answer that says ready. */
export const start: Part = {
  title: 'Starting, and the size of what is in the image',
  run: measure,
}

async function measure(context: Context): Promise<Measure[]> {
  // Once for the disk's sake.
  await timeToReady(context)
  const samples = await interleaved(context, {
    server: () => timeToReady(context),
    node: () => timeOfNode(context),
  })
  const { bytes, runtimeBytes } = context.shipped
  return [
    {
      name: 'start of the process to ready',
      unit: 'ms',
      values: column(samples, 'server', (ms) => ms),
      target: { most: 700 },
      note: 'housing model from a file',
    },
    { name: '`node -e 0`', unit: 'ms', values: column(samples, 'node', (ms) => ms) },
    {
      name: 'files over the base image and onnxruntime’s own library',
      unit: 'MiB',
      values: [(bytes - runtimeBytes) / MIB],
      target: { most: 60 },
    },
    { name: 'onnxruntime’s own library', unit: 'MiB', values: [runtimeBytes / MIB] },
  ]
}

async function timeToReady(context: Context): Promise<number> {
  const started = performance.now()
  const server = await startServer(context, 'start', modelServer(context, HOUSING))
  const elapsed = performance.now() - started
  await server.process.stop()
  return elapsed
}

async function timeOfNode({ cores }: Context): Promise<number> {
  const started = performance.now()
  const child = spawn('/usr/bin/taskset', ['--cpu-list', String(cores.server), process.execPath, '-e', '0'], {
    env: {},
    stdio: 'ignore',
  })
  await once(child, 'exit')
  return performance.now() - started
}
