/** Real threads with the real runtime: unlike jest's own realm they can load it. */
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pid } from 'node:process'
import { afterEach, expect, test } from '@jest/globals'
import { RunnerDied } from '../execution/executor.ts'
import type { Tensors } from '../execution/executor.ts'
import type { WorkerRunner } from '../execution/worker-runner.ts'
import { identity, slowModel } from '../test/onnx-writer.ts'
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

test('the runtime reports no session from tests either', async () => {
  await start(identity('FP32'))
  // What reports writes a log of its own when the runtime starts. An older one is of another process of that number.
  const log = statSync(join(tmpdir(), `mat-debug-${pid}.log`), { throwIfNoEntry: false })
  expect(log?.mtimeMs ?? 0).toBeLessThan(begun)
})
