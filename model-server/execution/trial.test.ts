import { describe, expect, test } from '@jest/globals'
import { DOUBLING, FakeRunner, rowsOfX } from '../test/fake-runner.ts'
import type { Signature, Tensor } from '../tensor/tensor.ts'
import type { Runner, Tensors } from './executor.ts'
import { tryBatches, warmUp } from './trial.ts'
import type { Trial, WarmUp } from './trial.ts'

/** Warm up and try, with samples or without. */
async function tried(runner: Runner, limit: number, samples: Tensors[] = []): Promise<Trial> {
  return tryBatches(runner, await warmUp(runner, { samples, hints: [] }), limit)
}

function runnerThatTakes(secondsFor: (rows: number) => number): FakeRunner {
  const runner = new FakeRunner()
  runner.secondsFor = secondsFor
  return runner
}

const sizesOf = (runner: FakeRunner): number[] => [...new Set(runner.asked.map((rows) => rows.length))]

describe('how many rows share a run', () => {
  test.each<[string, (rows: number) => number, number]>([
    ['all that are allowed, where the model is fast', (rows) => 0.00001 + rows * 0.000001, 32],
    ['all, where more rows take hardly longer', (rows) => 0.005 + rows * 0.0001, 32],
    ['one, where a slow model takes as long per row', (rows) => rows * 0.005, 1],
    ['those before the size at which it gets slow', (rows) => rows * (rows > 8 ? 0.00001 : 0.000001), 8],
    ['those before more rows cease to gain', (rows) => Math.max(0.004, rows * 0.001), 4],
  ])('%s', async (_, secondsFor, maxRows) => {
    const runner = runnerThatTakes(secondsFor)
    expect(await tried(runner, 32)).toMatchObject({ maxRows, seconds: secondsFor(maxRows) })
  })

  test('a limit that is no power of two is tried as well', async () => {
    const runner = new FakeRunner()
    expect(await tried(runner, 20)).toMatchObject({ maxRows: 20 })
    expect(sizesOf(runner).slice(0, 6)).toEqual([1, 2, 4, 8, 16, 20])
  })

  test('a moment in which the machine was busy is no reason for fewer', async () => {
    let disturbed = 0
    const runner = runnerThatTakes((rows) => {
      if (rows !== 8 || disturbed === 20) return 0.00001
      disturbed += 1
      return 0.0009
    })
    expect(await tried(runner, 32)).toMatchObject({ maxRows: 32 })
  })

  test('a machine that is busy now and again does not make the model slow', async () => {
    let runs = 0
    const runner = runnerThatTakes(() => {
      runs += 1
      return runs % 4 === 0 ? 0.02 : 0.0001
    })
    expect(await tried(runner, 1)).toMatchObject({ seconds: 0.0001 })
    expect(await tried(runner, 32)).toMatchObject({ maxRows: 32, seconds: 0.0001 })
  })
})

describe('more than 32 rows share a run', () => {
  test.each<[string, (rows: number) => number, number]>([
    ['where they are as fast', (rows) => rows * 0.000001, 512],
    ['until they get slower', (rows) => rows * (rows > 128 ? 0.0000015 : 0.000001), 128],
    ['as long as others do not notice', (rows) => rows * 0.00001, 64],
    ['never where the model is slow', (rows) => 0.005 + rows * 0.0001, 32],
  ])('%s', async (_, secondsFor, maxRows) => {
    expect(await tried(runnerThatTakes(secondsFor), 512)).toMatchObject({ maxRows })
  })

  test('never where they take much memory', async () => {
    class Wide extends FakeRunner {
      override readonly signature: Signature = {
        ...DOUBLING,
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 5_000] }],
      }
    }
    expect(await tried(new Wide(), 512)).toMatchObject({ maxRows: 32 })
  })
})

describe('rows that may not share a run', () => {
  const fixed = (inputs: number[], outputs: number[]): Signature => ({
    inputs: [{ name: 'x', datatype: 'FP64', shape: inputs }],
    outputs: [{ name: 'y', datatype: 'FP64', shape: outputs }],
  })

  test.each<[string, Signature, string]>([
    ['of an input of fixed size', fixed([1, 2], [-1, 2]), "dimension 0 of 'x' is fixed"],
    ['of an output of fixed size', fixed([-1, 2], [1, 2]), "dimension 0 of 'y' is fixed"],
    ['of an output of unknown rank', fixed([-1, 2], []), "dimension 0 of 'y' is unknown"],
  ])('those %s', async (_, signature, because) => {
    class Fixed extends FakeRunner {
      override readonly signature = signature
    }
    expect(await tried(new Fixed(), 32)).toMatchObject({ maxRows: 1, because })
  })

  test('those whose answers depend on the others', async () => {
    class Centering extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        const mean = rows.flat().reduce((sum, value) => sum + value, 0) / rows.length
        return super.answer(
          name,
          rows.map((row) => row.map((value) => value - mean)),
        )
      }
    }
    expect(await tried(new Centering(), 32)).toMatchObject({
      maxRows: 1,
      because: "in a batch of 2 rows 'y' differs from that of one row",
    })
  })

  test('those whose answers come in another order', async () => {
    class Reversing extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        return super.answer(name, rows.toReversed())
      }
    }
    expect(await tried(new Reversing(), 32)).toMatchObject({ maxRows: 1 })
  })

  test('those that become fewer', async () => {
    class Summing extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        return super.answer(name, rows.slice(0, 1))
      }
    }
    expect(await tried(new Summing(), 32)).toMatchObject({
      maxRows: 1,
      because: expect.stringMatching(/^random rows failed: 2 rows gave 'y'/),
    })
  })

  test('a difference in the last bits is none', async () => {
    class Rounding extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        const off = rows.length > 1 ? 1 + 1e-6 : 1
        return super.answer(
          name,
          rows.map((row) => row.map((value) => value * off)),
        )
      }
    }
    expect(await tried(new Rounding(), 32)).toMatchObject({ maxRows: 32 })
  })
})

test('a limit of one is not argued with', async () => {
  const runner = new FakeRunner()
  expect(await tried(runner, 1)).toMatchObject({ maxRows: 1 })
  expect(runner.asked.every((rows) => rows.flat().every((value) => value === 0))).toBe(true)
})

test('a model that fails on random rows is served row by row', async () => {
  const failing = new FakeRunner()
  failing.letRun = (rows) => rows.flat().every((value) => value === 0)
  expect(await tried(failing, 32)).toMatchObject({
    triedWith: 'made-up inputs',
    maxRows: 1,
    because: 'random rows failed: the runtime does not like these rows',
  })
})

describe('a model that cannot answer zeros', () => {
  const warm = (runner: FakeRunner, known: Partial<Parameters<typeof warmUp>[1]> = {}): Promise<WarmUp> =>
    warmUp(runner, { samples: [], hints: [], ...known })

  test.each<[string, FakeRunner['letRun']]>([
    ['answers ones', (rows) => rows.flat().every((value) => value === 1)],
    ['answers what is wide enough', (rows) => (rows[0]?.length ?? 0) >= 400],
    ['answers what has enough rows', (rows) => rows.length >= 5],
  ])('%s', async (_, letRun) => {
    const runner = new FakeRunner()
    runner.letRun = letRun
    expect(await warm(runner)).toMatchObject({ triedWith: 'made-up inputs', inputs: [expect.any(Map)] })
  })

  test('is asked samples and nothing else where there are some', async () => {
    const runner = new FakeRunner()
    runner.letRun = (rows) => rows.flat().includes(7)
    expect(await warm(runner, { samples: [rowsOfX([7, 8])] })).toMatchObject({ triedWith: 'samples' })
    expect(runner.asked).toEqual([[[7, 8]], [[7, 8]]])
  })

  test('is asked what hints say of sizes', async () => {
    const runner = new FakeRunner()
    runner.letRun = (rows) => rows[0]?.length === 3
    expect(await warm(runner, { hints: [rowsOfX([0, 0, 0])] })).toMatchObject({ triedWith: 'hints' })
  })

  test('and nothing else either is not tried, and why is said in the words for zeros', async () => {
    const runner = new FakeRunner()
    runner.letRun = () => false
    expect(await warm(runner)).toMatchObject({
      triedWith: 'nothing',
      inputs: [],
      because: 'the runtime does not like these rows',
    })
  })
})

describe('what proves nothing', () => {
  test('rows that all have the same answer', async () => {
    class Constant extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        return super.answer(
          name,
          rows.map((row) => row.map(() => 1)),
        )
      }
    }
    expect(await tried(new Constant(), 32)).toMatchObject({
      maxRows: 1,
      because: 'all rows of the trial have the same answer, which proves nothing',
    })
  })

  test('rows of samples that differ, where random ones do not, prove it', async () => {
    class Vocabulary extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        return super.answer(
          name,
          rows.map((row) => row.map((value) => (value === 7 ? 7 : 1))),
        )
      }
    }
    const samples = [rowsOfX([7, 8], [8, 7])]
    expect(await tried(new Vocabulary(), 32, samples)).toMatchObject({ maxRows: 32, triedWith: 'samples' })
  })

  test('a NaN among the rows changes the others', async () => {
    class Poisoned extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        const worst = rows.flat().some(Number.isNaN) ? NaN : 1
        return super.answer(
          name,
          rows.map((row) => row.map((value) => value * worst)),
        )
      }
    }
    const runner = new Poisoned()
    runner.letRun = () => true
    expect(await tried(runner, 32)).toMatchObject({ maxRows: 1 })
  })

  test('rows of one element tell nothing of longer ones', async () => {
    class LongCoupled extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        const width = rows[0]?.length ?? 0
        const largest = width > 2 ? Math.max(...rows.flat()) : 0
        return super.answer(
          name,
          rows.map((row) => row.map((value) => value + largest)),
        )
      }
    }
    const runner = new LongCoupled()
    expect(await tried(runner, 32)).toMatchObject({ maxRows: 1 })
  })
})
