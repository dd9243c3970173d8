/** Real threads with the real runtime: unlike jest's own realm they can load it. */
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pid } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { RunnerDied } from '../execution/executor.ts'
import type { Tensors } from '../execution/executor.ts'
import type { WorkerRunner } from '../execution/worker-runner.ts'
import { identity, sequenceModel, slowModel, zipMapModel } from '../test/onnx-writer.ts'
import { startModelWorker } from './model-worker.ts'

const begun = Date.now()

let worker: WorkerRunner | undefined
afterEach(async () => {
  await worker?.close()
  worker = undefined
})

async function start(bytes: Buffer): Promise<WorkerRunner> {
  const shared = new SharedArrayBuffer(bytes.length)
  new Uint8Array(shared).set(bytes)
  return (worker = await startModelWorker(shared))
}

function column(length: number): Tensors {
  const data = Float32Array.from({ length }, (_, index) => index)
  return new Map([['INPUT0', { datatype: 'FP32', shape: [length, 1], data }]])
}

// The second is handed over instead of copied, in both directions.
test.each([2, 100_000])(
  '%d numbers go to the thread and come back, and the sender keeps its own',
  async (length) => {
    const { run, signature } = await start(identity('FP32'))
    expect(signature.inputs).toEqual([{ name: 'INPUT0', datatype: 'FP32', shape: [-1, -1] }])
    const inputs = column(length)
    for (let times = 0; times < 2; times += 1) {
      const { outputs, seconds } = await run(inputs, ['OUTPUT0'])
      const output = outputs.get('OUTPUT0')
      expect(output).toMatchObject({ datatype: 'FP32', shape: [length, 1] })
      expect(output?.data.length).toBe(length)
      expect(output?.data.at(-1)).toBe(length - 1)
      expect(seconds).toBeGreaterThan(0)
    }
    expect(inputs.get('INPUT0')?.data.length).toBe(length)
  },
)

test('text goes there and comes back', async () => {
  const { run } = await start(identity('BYTES'))
  const { outputs } = await run(
    new Map([['INPUT0', { datatype: 'BYTES', shape: [1, 2], data: ['a', 'é'] }]]),
    ['OUTPUT0'],
  )
  expect(outputs.get('OUTPUT0')?.data).toEqual(['a', 'é'])
})

test.each([2, 40_000])('%d halves go there and come back bit by bit', async (length) => {
  const { run } = await start(identity('FP16'))
  const bits = Uint16Array.from({ length }, (_, index) => index)
  const data = new Float16Array(bits.buffer)
  const { outputs } = await run(new Map([['INPUT0', { datatype: 'FP16', shape: [1, length], data }]]), [
    'OUTPUT0',
  ])
  const answered = outputs.get('OUTPUT0')?.data as Float16Array
  expect(new Uint16Array(answered.buffer, answered.byteOffset, length)).toEqual(bits)
})

describe('the probabilities that a ZipMap would make maps of', () => {
  const ask = async (model: Buffer, outputs: readonly string[]): Promise<WorkerRunner['signature']> => {
    const { signature, run } = await start(model)
    const data = Float32Array.of(0, Math.log(2), Math.log(3), 0, 0, 0)
    const answer = await run(new Map([['x', { datatype: 'FP32', shape: [2, 3], data }]]), outputs)
    for (const name of outputs) {
      expect(answer.outputs.get(name)).toMatchObject({ datatype: 'FP32', shape: [2, 3] })
    }
    const [a, b, c, d] = answer.outputs.get('output_probability')?.data as Float32Array
    expect([a, b, c, d].map((value) => Math.round((value ?? 0) * 600))).toEqual([100, 200, 300, 200])
    return signature
  }

  test.each([[['no', 'yes', 'é']], [[0, 1, 300]]] as const)(
    'come as a matrix, with classes %j',
    async (labels) => {
      const { outputs, classes, notServed } = await ask(zipMapModel(labels), ['label', 'output_probability'])
      expect(outputs).toContainEqual({ name: 'output_probability', datatype: 'FP32', shape: [-1, 3] })
      expect(classes).toEqual(new Map([['output_probability', labels]]))
      expect(notServed).toBeUndefined()
    },
  )
})

test('an output that cannot be served is said to be there, and the others are served', async () => {
  const { signature, run } = await start(sequenceModel(['y']))
  expect(signature.outputs.map(({ name }) => name)).toEqual(['y'])
  expect([...(signature.notServed ?? [])]).toEqual([
    [
      'sequence',
      expect.stringMatching(/^seq\(tensor\(float\)\) is no tensor that the runtime hands over: export/),
    ],
  ])
  const data = Float32Array.of(1, 2)
  const { outputs } = await run(new Map([['x', { datatype: 'FP32', shape: [1, 2], data }]]), ['y'])
  expect(outputs.get('y')?.data).toEqual(data)
})

test('a run that fails says why, and the next one succeeds', async () => {
  const { run } = await start(identity('FP32'))
  await expect(run(new Map(), ['OUTPUT0'])).rejects.toThrow("'INPUT0' is missing")
  expect((await run(column(1), ['OUTPUT0'])).outputs.size).toBe(1)
})

test('bytes that are no model are refused in the words of the runtime', async () => {
  await expect(start(Buffer.from('<html>'))).rejects.toThrow('protobuf')
})

test('a thread that is ended during a run fails it, and whatever is asked later', async () => {
  const thread = await start(slowModel(2_000))
  const inputs: Tensors = new Map([['x', { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(1) }]])
  const running = thread.run(inputs, ['y'])
  thread.abort?.('the test wants it')
  await expect(running).rejects.toBeInstanceOf(RunnerDied)
  await expect(thread.run(inputs, ['y'])).rejects.toBeInstanceOf(RunnerDied)
  expect(await thread.died).toBe('it ended with code 1')
})

// The runtime tells nobody when a run begins; ended by force in the middle of one, it took the process with it.
test.each([0, 20, 100])('a thread that is ended %d ms after it was asked ends alone', async (ms) => {
  const thread = await start(slowModel(2_000))
  const inputs: Tensors = new Map([['x', { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(1) }]])
  const ended = thread.run(inputs, ['y']).catch((error: unknown) => error)
  await sleep(ms)
  await thread.close()
  await ended
  await expect(thread.run(inputs, ['y'])).rejects.toBeInstanceOf(RunnerDied)
})

test('the runtime reports no session from tests either', async () => {
  await start(identity('FP32'))
  // What reports writes a log of its own when the runtime starts. An older one is of another process of that number.
  const log = statSync(join(tmpdir(), `mat-debug-${pid}.log`), { throwIfNoEntry: false })
  expect(log?.mtimeMs ?? 0).toBeLessThan(begun)
})
