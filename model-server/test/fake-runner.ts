/** A runner that behaves like one of the runtime: one run at a time, answers row by row, fails as a whole. */
import type { Run, Runner, Tensors } from '../execution/executor.ts'
import type { Signature, Tensor } from '../tensor/tensor.ts'

/** y = 2x for every row of x. */
export const DOUBLING: Signature = {
  inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, -1] }],
  outputs: [
    { name: 'y', datatype: 'FP64', shape: [-1, -1] },
    { name: 'rows', datatype: 'INT32', shape: [-1] },
  ],
}

/** Rows of x. */
export function rowsOfX(...rows: number[][]): Tensors {
  const width = rows[0]?.length ?? 0
  return new Map([
    ['x', { datatype: 'FP64', shape: [rows.length, width], data: Float64Array.from(rows.flat()) }],
  ])
}

/** The rows of a tensor. */
export function listed(tensor: Tensor | undefined): unknown[][] {
  if (!tensor) throw new Error('there is no such output')
  const [rows = 0] = tensor.shape
  const values = Array.from<unknown>(tensor.data)
  return Array.from({ length: rows }, (_, row) =>
    values.slice((row * values.length) / rows, ((row + 1) * values.length) / rows),
  )
}

/** Runs are noted; while `held`, they wait for `letGo`. */
export class FakeRunner implements Runner {
  readonly signature: Signature = DOUBLING
  /** What a run over so many rows is said to take. */
  secondsFor: (rows: number) => number = () => 0.0001
  /** A run over rows that it does not let run fails. */
  letRun: (rows: readonly number[][]) => boolean = (rows) => !rows.flat().some(Number.isNaN)
  /** What every run was asked. */
  readonly asked: number[][][] = []
  held = false
  closed = false
  aborted: string | undefined
  #waiting: (() => void)[] = []
  #running = false

  readonly run: Runner['run'] = (inputs, outputs) => this.runFake(inputs, outputs)

  async runFake(inputs: Tensors, outputs: readonly string[]): Promise<Run> {
    if (this.#running) throw new Error('a session was asked to run twice at the same time')
    this.#running = true
    const rows = listed(inputs.get('x')) as number[][]
    this.asked.push(rows)
    try {
      await new Promise<void>((resolve) => {
        if (this.held) this.#waiting.push(resolve)
        else setImmediate(resolve)
      })
      if (!this.letRun(rows)) throw new Error('the runtime does not like these rows')
      return {
        outputs: new Map(outputs.map((name) => [name, this.answer(name, rows)])),
        seconds: this.secondsFor(rows.length),
      }
    } finally {
      this.#running = false
    }
  }

  /** Let the runs that are held, and all later ones, come to their end. */
  letGo(): void {
    this.held = false
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  readonly abort = (reason: string): void => {
    this.aborted = reason
    this.letGo()
  }

  readonly close = (): Promise<void> => {
    this.closed = true
    return Promise.resolve()
  }

  protected answer(name: string, rows: readonly number[][]): Tensor {
    if (name === 'rows') {
      return { datatype: 'INT32', shape: [rows.length], data: Int32Array.from(rows, (row) => row.length) }
    }
    const doubled = Float64Array.from(rows.flat(), (value) => 2 * value)
    return { datatype: 'FP64', shape: [rows.length, rows[0]?.length ?? 0], data: doubled }
  }
}
