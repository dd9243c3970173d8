/** What a model shows before it serves: that it runs, how long that takes, and whether rows of several requests may share a run. */
import { elementCount, isFloat, oneRow, zeros } from '../tensor/tensor.ts'
import type { Signature, Tensor, TensorData, TensorSpec } from '../tensor/tensor.ts'
import { joinRows, neverRowWiseBecause, splitRows } from './batch.ts'
import type { Runner, Tensors } from './executor.ts'

/** The shortest of some runs, and the one in their middle, in seconds. */
type Times = { least: number; usual: number }

/** What was seen. */
export type Trial = {
  /** The most rows that shall share a run; 1 where requests must not share one. */
  maxRows: number
  /** Why it is not more. */
  because: string
  /** What a run over `maxRows` takes in the model: half of them were faster. What else the machine does makes the others slower. */
  seconds: number
}

/** Above this a run on the event loop would be noticed by whoever else waits for it. */
export const SLOW_SECONDS = 0.001
const FAST_SECONDS = SLOW_SECONDS
/** Sharing a fast run also shares what surrounds it, which takes longer than the run itself; so rows may lose by it;
 * not as much as those of trees beyond 32, which take three times as long. */
const LOSS_OF_FAST = 2
/** What a doubling must make of the time per row where runs are not so fast; otherwise a larger batch only makes its first row wait. */
const GAIN_OF_SLOW = 0.95

/** Beyond this a batch has to be fast and no slower per row, and may not take much memory: what a run once took stays with the runtime. */
const USUAL_ROWS = 32
const LOSS_OF_LARGE = 1.25
const LARGE_ELEMENTS = 2 ** 18

const AS_LIMITED = 'no more are allowed'

const RUNS_OF_FAST = 20
const RUNS_OF_SLOW = 2
/** No further size is tried once the runs of the trial have taken this long together. */
const BUDGET_SECONDS = 1

// float32 has 24 bits: sums in another order, as in a product of other shape, differ by a few of the last.
const RELATIVE = 1e-4
const ABSOLUTE = 1e-5

/**
 * Run the model once over zeros, variable dimensions taken as 1.
 * @throws Error of the runtime where it gives no answer
 */
export async function warmUp({ signature, run }: Runner): Promise<number> {
  return (await run(zeroRow(signature), namesOf(signature))).seconds
}

/**
 * Try batches of 1, 2, 4 … `limit` rows. A size passes if each row gets the answer that it gets alone and if it is faster per row;
 * the largest that passes is taken. That rows are independent is shown for random rows, and for no model proven.
 */
export async function tryBatches(runner: Runner, limit: number): Promise<Trial> {
  const never = limit === 1 ? AS_LIMITED : neverRowWiseBecause(runner.signature)
  if (never !== undefined) return alone(runner, never)
  try {
    return await climb(runner, limit)
  } catch (error) {
    return alone(runner, `random rows failed: ${(error as Error).message}`)
  }
}

async function alone(runner: Runner, because: string): Promise<Trial> {
  const { usual } = await timesOf(runner, zeroRow(runner.signature))
  return { maxRows: 1, because, seconds: usual }
}

async function climb(measured: Runner, limit: number): Promise<Trial> {
  let spent = 0
  const runner: Runner = {
    signature: measured.signature,
    run: async (inputs, outputs) => {
      const answer = await measured.run(inputs, outputs)
      spent += answer.seconds
      return answer
    },
    close: () => measured.close(),
  }
  const distinct = randomRows(runner.signature, Math.min(limit, USUAL_ROWS))
  const answers: Tensors[] = []
  let best = { rows: 1, ...(await timesOf(runner, joinRows(distinct.slice(0, 1)))) }
  let because = AS_LIMITED
  for (const size of sizesUpTo(limit)) {
    because = 'trying more would take too long'
    if (spent > BUDGET_SECONDS) break
    because = `a batch of ${size} takes too much memory`
    if (size > USUAL_ROWS && size * elementsOf(distinct[0]) > LARGE_ELEMENTS) break
    const rows = repeated(distinct, size)
    const difference = await differenceOf(runner, rows, answers)
    if (difference !== undefined) return alone(runner, difference)
    because = `a batch of ${size} takes too long`
    const paid = await timesIfItPays(runner, rows, best)
    if (!paid) break
    best = { rows: size, ...paid }
    because = AS_LIMITED
  }
  return { maxRows: best.rows, because, seconds: best.usual }
}

/** Undefined where it does not; asked twice, for a moment in which the machine was busy says nothing of the model. */
async function timesIfItPays(
  runner: Runner,
  rows: readonly Tensors[],
  best: Times & { rows: number },
): Promise<Times | undefined> {
  const inputs = joinRows(rows)
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const times = await timesOf(runner, inputs)
    // The least, since whatever else the machine does only ever adds.
    const perRow = times.least / rows.length / (best.least / best.rows)
    if (perRow <= allowedPerRow(rows.length, times.least)) return times
  }
  return undefined
}

/** How long a row of a batch may take, of what it takes in the best one so far. */
function allowedPerRow(rows: number, seconds: number): number {
  const isFast = seconds < FAST_SECONDS
  if (rows > USUAL_ROWS) return isFast ? LOSS_OF_LARGE : 0
  return isFast ? LOSS_OF_FAST : GAIN_OF_SLOW
}

function elementsOf(inputs: Tensors = new Map()): number {
  return [...inputs.values()].reduce((sum, { data }) => sum + data.length, 0)
}

/** Rows of a large batch come again and again; those of a usual one are all different. */
function repeated(rows: readonly Tensors[], size: number): Tensors[] {
  return Array.from({ length: size }, (_, index) => rows[index % rows.length] ?? new Map())
}

function sizesUpTo(limit: number): number[] {
  const sizes: number[] = []
  for (let size = 2; size < limit; size *= 2) sizes.push(size)
  return [...sizes, limit]
}

/** What keeps rows from sharing a run; undefined where all get the answer that they get alone. */
async function differenceOf(
  runner: Runner,
  rows: readonly Tensors[],
  answers: Tensors[],
): Promise<string | undefined> {
  const names = namesOf(runner.signature)
  for (const row of rows.slice(answers.length, USUAL_ROWS))
    answers.push((await runner.run(row, names)).outputs)
  const { outputs } = await runner.run(joinRows(rows), names)
  const together = splitRows(
    outputs,
    rows.map(() => 1),
  )
  for (const [index, answer] of together.entries()) {
    const name = names.find((output) => !isSame(answers[index % USUAL_ROWS]?.get(output), answer.get(output)))
    if (name !== undefined) return `in a batch of ${rows.length} rows '${name}' differs from that of one row`
  }
  return undefined
}

function isSame(one: Tensor | undefined, other: Tensor | undefined): boolean {
  if (!one || !other) return false
  if (one.shape.join() !== other.shape.join()) return false
  for (let index = 0; index < one.data.length; index += 1) {
    if (!isClose(one.data[index], other.data[index])) return false
  }
  return true
}

function isClose(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'number' || typeof other !== 'number') return one === other
  return Math.abs(one - other) <= ABSOLUTE + RELATIVE * Math.abs(other)
}

/** Of more runs the faster they are. */
async function timesOf(runner: Runner, inputs: Tensors): Promise<Times> {
  const names = namesOf(runner.signature)
  const times: number[] = []
  let runs = RUNS_OF_SLOW
  while (times.length < runs) {
    const { seconds } = await runner.run(inputs, names)
    if (seconds < FAST_SECONDS) runs = RUNS_OF_FAST
    times.push(seconds)
  }
  const sorted = times.toSorted((a, b) => a - b)
  return { least: sorted[0] ?? 0, usual: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0 }
}

function zeroRow({ inputs }: Signature): Tensors {
  return new Map(
    inputs.map((spec) => {
      const shape = oneRow(spec.shape)
      return [spec.name, { datatype: spec.datatype, shape, data: zeros(spec.datatype, elementCount(shape)) }]
    }),
  )
}

/** Rows of different scale, so that a model with thresholds takes different ways; the same ones every time. */
function randomRows({ inputs }: Signature, count: number): Tensors[] {
  const random = generator()
  return Array.from({ length: count }, (_, index) => {
    const scale = 10 ** (index % 4)
    return new Map(
      inputs.map((spec) => {
        const shape = oneRow(spec.shape)
        return [
          spec.name,
          { datatype: spec.datatype, shape, data: randomData(spec, shape, () => scale * random()) },
        ]
      }),
    )
  })
}

/** Integers are 0 or 1, since many are indices, and no table is so small that it lacks these. */
function randomData({ datatype }: TensorSpec, shape: readonly number[], random: () => number): TensorData {
  const data = zeros(datatype, elementCount(shape))
  for (let index = 0; index < data.length; index += 1) {
    const value = random()
    if (isFloat(datatype)) data[index] = value
    else if (datatype === 'INT64' || datatype === 'UINT64') data[index] = value > 0 ? 1n : 0n
    else data[index] = datatype === 'BYTES' ? `${value}` : Number(value > 0)
  }
  return data
}

/** From -1 to 1; xorshift32 from a fixed seed. */
function generator(): () => number {
  let state = 0x9e3779b9
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 2 ** 31
  }
}

function namesOf({ outputs }: Signature): string[] {
  return outputs.map(({ name }) => name)
}
