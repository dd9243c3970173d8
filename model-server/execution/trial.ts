/** What a model shows before it serves: that it runs, how long that takes, and whether rows of several requests may share a run. */
import type { Signature, Tensor } from '../tensor/tensor.ts'
import { batchKeys, joinRows, neverRowWiseBecause, piecesOf, rowsOf, splitRows } from './batch.ts'
import { Costs, sizeOf } from './costs.ts'
import type { Runner, Tensors } from './executor.ts'
import { mildInputs, randomRows, shapesOf, withNaN, zeroInputs } from './made-up.ts'
import { isSameAnswer } from './same-answer.ts'

/** What is known of what will be asked: whole requests, and shapes of which only the sizes count. */
export type Known = { samples: readonly Tensors[]; hints: readonly Tensors[] }

/** What a model was tried with. */
export type TriedWith = 'samples' | 'hints' | 'made-up inputs' | 'nothing'

/** What a model answered: `inputs` is empty where it answered nothing that could be thought of, which `because` says. */
export type WarmUp = {
  triedWith: TriedWith
  inputs: readonly Tensors[]
  /** What the slowest of them takes. */
  seconds: number
  because: string
}

/** The shortest of some runs, and the one in their middle, in seconds. */
type Times = { least: number; usual: number }

/** What was seen. */
export type Trial = {
  /** The most rows that shall share a run; 1 where requests must not share one. */
  maxRows: number
  /** Why it is not more. */
  because: string
  triedWith: TriedWith
  /** What a run over `maxRows` takes in the model: half of them were faster. What else the machine does makes the others slower. */
  seconds: number
  /** What was seen of other sizes. */
  costs: Costs
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

/** Larger sizes of open dimensions are looked at in such steps, for as long as a run is fast. */
const GROWTH = 4
/** A size for open dimensions behind the first at which rows are compared once more. */
const OTHER_SIZE = 5
const OTHER_ROWS = 4
const MADE_UP_SECONDS = 1
/** A busy machine makes no run longer than this, or none that is worth another look. */
const DISTURBED_SECONDS = 0.1

/**
 * Have the model answer what is known, or what may be thought of: that a model cannot answer zeros says nothing against it. The first
 * run of a session is slower than all others, so each is asked twice.
 */
export async function warmUp(runner: Runner, { samples, hints }: Known): Promise<WarmUp> {
  if (samples.length > 0) return warmUpWith(runner, 'samples', samples)
  const hinted = await warmUpWith(runner, 'hints', hints)
  return hinted.inputs.length > 0 ? hinted : warmUpMadeUp(runner)
}

async function warmUpWith(runner: Runner, triedWith: TriedWith, asked: readonly Tensors[]): Promise<WarmUp> {
  const inputs: Tensors[] = []
  let seconds = 0
  let because = 'it was asked nothing'
  for (const [index, one] of asked.entries()) {
    try {
      seconds = Math.max(seconds, await usualRunOn(runner, one))
      inputs.push(one)
    } catch (error) {
      because = `${triedWith} ${index}: ${(error as Error).message}`
    }
  }
  return { triedWith: inputs.length > 0 ? triedWith : 'nothing', inputs, seconds, because }
}

async function warmUpMadeUp(runner: Runner): Promise<WarmUp> {
  const started = performance.now()
  let because = ''
  for (const inputs of mildInputs(runner.signature)) {
    try {
      const seconds = await usualRunOn(runner, inputs)
      return { triedWith: 'made-up inputs', inputs: [inputs], seconds, because }
    } catch (error) {
      // The first, over zeros, says most.
      because ||= (error as Error).message
    }
    if (performance.now() - started > MADE_UP_SECONDS * 1000) break
  }
  return { triedWith: 'nothing', inputs: [], seconds: 0, because }
}

/** The second run; a third where the machine may have been busy during that. */
async function usualRunOn(runner: Runner, inputs: Tensors): Promise<number> {
  await runOn(runner, inputs)
  const seconds = await runOn(runner, inputs)
  const mayBeDisturbed = seconds > SLOW_SECONDS && seconds < DISTURBED_SECONDS
  return mayBeDisturbed ? Math.min(seconds, await runOn(runner, inputs)) : seconds
}

async function runOn({ run, signature }: Runner, inputs: Tensors): Promise<number> {
  return (await run(inputs, namesOf(signature))).seconds
}

/**
 * Try batches of 1, 2, 4 … `limit` rows. A size passes if each row gets the answer that it gets alone and if it is faster per row;
 * the largest that passes is taken. Rows that are alike, or have the same answer, prove nothing. That rows are independent is shown
 * for these rows, and for no model proven: requests are looked at later (see Sharing).
 */
export async function tryBatches(measured: Runner, warm: WarmUp, limit: number): Promise<Trial> {
  const runner = new Measured(measured)
  const { triedWith, inputs } = warm
  const because = inputs.length === 0 ? `not tried: ${warm.because}` : whyAlone(runner.signature, limit)
  const batches = because === undefined ? await climb(runner, warm, limit) : { rows: 1, because }
  let seconds = batches.usual ?? 0
  // A row of what was made up was in the batches already.
  const others = triedWith === 'samples' || batches.usual === undefined ? inputs : []
  for (const one of others) seconds = Math.max(seconds, (await timesOf(runner, one)).usual)
  if (seconds <= SLOW_SECONDS && inputs[0]) await grow(runner, inputs[0], batches.rows)
  return { maxRows: batches.rows, because: batches.because, triedWith, seconds, costs: runner.costs }
}

function whyAlone(signature: Signature, limit: number): string | undefined {
  return limit === 1 ? AS_LIMITED : neverRowWiseBecause(signature)
}

/** A runner whose runs are learned from. */
class Measured implements Runner {
  readonly costs = new Costs()
  spent = 0
  readonly #runner: Runner

  constructor(runner: Runner) {
    this.#runner = runner
  }

  get signature(): Signature {
    return this.#runner.signature
  }

  readonly run: Runner['run'] = async (inputs, outputs) => {
    const answer = await this.#runner.run(inputs, outputs)
    this.spent += answer.seconds
    this.costs.learn(sizeOf(inputs), answer.seconds)
    return answer
  }

  readonly close: Runner['close'] = () => this.#runner.close()
}

/** What larger requests take, where the model leaves open how large they are: seen, rather than guessed, as far as it is fast. */
async function grow(runner: Measured, from: Tensors, maxRows: number): Promise<void> {
  const isOpen = runner.signature.inputs.some(({ shape }) => shape.includes(-1, maxRows === 1 ? 0 : 1))
  if (!isOpen) return
  const begin = sizeOf(from)
  for (let others = GROWTH; ; others *= GROWTH) {
    const inputs = zeroInputs(runner.signature, { rows: maxRows === 1 ? others : 1, others })
    if (!inputs || sizeOf(inputs) > LARGE_ELEMENTS) return
    if (sizeOf(inputs) <= begin) continue
    try {
      await runOn(runner, inputs)
      if ((await runOn(runner, inputs)) > SLOW_SECONDS) return
    } catch {
      // That it cannot answer this shows nothing.
      return
    }
  }
}

type Batches = { rows: number; because: string; usual?: number }

async function climb(runner: Measured, warm: WarmUp, limit: number): Promise<Batches> {
  try {
    const rows = new TrialRows(runner, warm)
    const batches = await climbWith(runner, rows, limit)
    const other = batches.rows > 1 && warm.triedWith !== 'samples' && (await differenceElsewhere(runner))
    return other ? { rows: 1, because: other } : batches
  } catch (error) {
    return { rows: 1, because: `random rows failed: ${(error as Error).message}` }
  }
}

async function climbWith(runner: Measured, rows: TrialRows, limit: number): Promise<Batches> {
  let because = await rows.fewBecause(2)
  if (because !== undefined) return { rows: 1, because }
  let best = { rows: 1, ...(await timesOf(runner, joinRows(rows.of(1)))) }
  for (const size of sizesUpTo(limit)) {
    because = 'trying more would take too long'
    if (runner.spent > BUDGET_SECONDS) break
    because = `a batch of ${size} takes too much memory`
    if (size > USUAL_ROWS && size * elementsOf(rows.of(1)[0]) > LARGE_ELEMENTS) break
    await rows.fewBecause(Math.min(size, USUAL_ROWS))
    const difference = await differenceOf(runner, rows.of(size), rows.answers)
    if (difference !== undefined) return { rows: 1, because: difference }
    because = `a batch of ${size} takes too long`
    const paid = await timesIfItPays(runner, rows.of(size), best)
    if (!paid) break
    best = { rows: size, ...paid }
    because = AS_LIMITED
  }
  if (best.rows > 1 && rows.areAllAlike()) {
    return { rows: 1, because: 'all rows of the trial have the same answer, which proves nothing' }
  }
  return { rows: best.rows, because: because ?? AS_LIMITED, usual: best.usual }
}

/** Rows that the model answers by themselves: of samples, and random ones. */
class TrialRows {
  readonly answers: Tensors[] = []
  readonly #rows: Tensors[] = []
  readonly #candidates: Tensors[]
  readonly #runner: Runner
  #failed = ''

  constructor(runner: Runner, { triedWith, inputs }: WarmUp) {
    this.#runner = runner
    const { signature } = runner
    const [first = new Map<string, Tensor>()] = inputs
    const shapes = Array.from(first.values(), ({ shape }) => [1, ...shape.slice(1)])
    const real = triedWith === 'samples' ? rowsAlike(signature, inputs) : []
    const random = randomRows(signature, shapes, USUAL_ROWS)
    const [likely = first] = [...real, ...random]
    const strange = withNaN(likely)
    this.#candidates = [...real, ...random]
    if (strange) this.#candidates.splice(1, 0, strange)
  }

  /** See to it that there are so many; why there are not even two, where that is so. */
  async fewBecause(count: number): Promise<string | undefined> {
    while (this.#rows.length < count) {
      const row = this.#candidates.shift()
      if (!row) break
      try {
        this.answers.push((await this.#runner.run(row, namesOf(this.#runner.signature))).outputs)
        this.#rows.push(row)
      } catch (error) {
        this.#failed = (error as Error).message
      }
    }
    return this.#rows.length < 2 ? `random rows failed: ${this.#failed}` : undefined
  }

  /** Rows of a large batch come again and again; those of a usual one are all different, if there are so many. */
  of(size: number): Tensors[] {
    return Array.from({ length: size }, (_, index) => this.#rows[index % this.#rows.length] ?? new Map())
  }

  areAllAlike(): boolean {
    const [first] = this.answers
    return this.answers.every((answer) =>
      [...answer].every(([name, tensor]) => isSameAnswer(tensor, first?.get(name))),
    )
  }
}

/** The rows of those questions that could share a run with the first. */
function rowsAlike(signature: Signature, questions: readonly Tensors[]): Tensors[] {
  const keyOf = batchKeys(signature)
  const key = questions[0] && keyOf(questions[0], [])
  if (key === undefined) return []
  return questions
    .filter((question) => keyOf(question, []) === key && rowsOf(question) <= USUAL_ROWS)
    .flatMap((question) => Array.from(piecesOf(question, 1), ([, row]) => row))
    .slice(0, USUAL_ROWS)
}

/** The same where dimensions behind the first are open, for another size of these; where the model does not answer, nothing is shown. */
async function differenceElsewhere(runner: Runner): Promise<string | undefined> {
  const { signature } = runner
  if (!signature.inputs.some(({ shape }) => shape.includes(-1, 1))) return undefined
  const rows = randomRows(signature, shapesOf(signature, { rows: 1, others: OTHER_SIZE }), OTHER_ROWS)
  try {
    const answers: Tensors[] = []
    for (const row of rows) answers.push((await runner.run(row, namesOf(signature))).outputs)
    return await differenceOf(runner, rows, answers)
  } catch {
    return undefined
  }
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

function sizesUpTo(limit: number): number[] {
  const sizes: number[] = []
  for (let size = 2; size < limit; size *= 2) sizes.push(size)
  return [...sizes, limit]
}

/** What keeps rows from sharing a run; undefined where all get the answers that they get alone, which come again as the rows do. */
async function differenceOf(
  runner: Runner,
  rows: readonly Tensors[],
  answers: readonly Tensors[],
): Promise<string | undefined> {
  const names = namesOf(runner.signature)
  const { outputs } = await runner.run(joinRows(rows), names)
  const together = splitRows(
    outputs,
    rows.map(() => 1),
  )
  for (const [index, answer] of together.entries()) {
    const alone = answers[index % answers.length]
    const name = names.find((output) => !isSameAnswer(alone?.get(output), answer.get(output)))
    if (name !== undefined) return `in a batch of ${rows.length} rows '${name}' differs from that of one row`
  }
  return undefined
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

function namesOf({ outputs }: Signature): string[] {
  return outputs.map(({ name }) => name)
}
