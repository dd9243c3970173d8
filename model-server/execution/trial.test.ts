import { describe, expect, test } from '@jest/globals'
import { DOUBLING, FakeRunner } from '../test/fake-runner.ts'
import type { Signature, Tensor } from '../tensor/tensor.ts'
import { tryBatches, warmUp } from './trial.ts'

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
    expect(await tryBatches(runner, 32)).toMatchObject({ maxRows, seconds: secondsFor(maxRows) })
  })

  test('a limit that is no power of two is tried as well', async () => {
    const runner = new FakeRunner()
    expect(await tryBatches(runner, 20)).toMatchObject({ maxRows: 20 })
    expect(sizesOf(runner).slice(0, 6)).toEqual([1, 2, 4, 8, 16, 20])
  })

  test('a moment in which the machine was busy is no reason for fewer', async () => {
    let disturbed = 0
    const runner = runnerThatTakes((rows) => {
      if (rows !== 8 || disturbed === 20) return 0.00001
      disturbed += 1
      return 0.0009
    })
    expect(await tryBatches(runner, 32)).toMatchObject({ maxRows: 32 })
  })

  test('a machine that is busy now and again does not make the model slow', async () => {
    let runs = 0
    const runner = runnerThatTakes(() => {
      runs += 1
      return runs % 4 === 0 ? 0.02 : 0.0001
    })
    expect(await tryBatches(runner, 1)).toMatchObject({ seconds: 0.0001 })
    expect(await tryBatches(runner, 32)).toMatchObject({ maxRows: 32, seconds: 0.0001 })
  })
})

describe('more than 32 rows share a run', () => {
  test.each<[string, (rows: number) => number, number]>([
    ['where they are as fast', (rows) => rows * 0.000001, 512],
    ['until they get slower', (rows) => rows * (rows > 128 ? 0.0000015 : 0.000001), 128],
    ['as long as others do not notice', (rows) => rows * 0.00001, 64],
    ['never where the model is slow', (rows) => 0.005 + rows * 0.0001, 32],
  ])('%s', async (_, secondsFor, maxRows) => {
    expect(await tryBatches(runnerThatTakes(secondsFor), 512)).toMatchObject({ maxRows })
  })

  test('never where they take much memory', async () => {
    class Wide extends FakeRunner {
      override readonly signature: Signature = {
        ...DOUBLING,
        inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 5_000] }],
      }
    }
    expect(await tryBatches(new Wide(), 512)).toMatchObject({ maxRows: 32 })
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
    expect(await tryBatches(new Fixed(), 32)).toMatchObject({ maxRows: 1, because })
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
    expect(await tryBatches(new Centering(), 32)).toMatchObject({
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
    expect(await tryBatches(new Reversing(), 32)).toMatchObject({ maxRows: 1 })
  })

  test('those that become fewer', async () => {
    class Summing extends FakeRunner {
      protected override answer(name: string, rows: readonly number[][]): Tensor {
        return super.answer(name, rows.slice(0, 1))
      }
    }
    expect(await tryBatches(new Summing(), 32)).toMatchObject({
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
    expect(await tryBatches(new Rounding(), 32)).toMatchObject({ maxRows: 32 })
  })
})

test('a limit of one is not argued with', async () => {
  const runner = new FakeRunner()
  expect(await tryBatches(runner, 1)).toMatchObject({ maxRows: 1 })
  expect(sizesOf(runner)).toEqual([1])
})

test('a model that fails on zeros is told so, one that fails on random rows only is not', async () => {
  const failing = new FakeRunner()
  failing.letRun = (rows) => rows.flat().every((value) => value === 0)
  await expect(warmUp(failing)).resolves.toBeGreaterThan(0)
  expect(await tryBatches(failing, 32)).toMatchObject({
    maxRows: 1,
    because: 'random rows failed: the runtime does not like these rows',
  })
  failing.letRun = () => false
  await expect(warmUp(failing)).rejects.toThrow('does not like these rows')
})
