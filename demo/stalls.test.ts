import { describe, expect, test } from '@jest/globals'
import { joined, stalledMs, stallsOf, type Sample, type Work } from './stalls.ts'

/** A sample of one process each second, from what it did: [ran, waited] in milliseconds. */
function trace(...seconds: [number, number][]): Sample[] {
  return seconds.map(([ranMs, waitedMs], index) => sample(index, { edge: { ranMs, waitedMs } }))
}

function sample(second: number, processes: Record<string, Work>): Sample {
  return { from: second * 1000, to: (second + 1) * 1000, processes }
}

const REST: [number, number] = [100, 50]

describe('a process on the way', () => {
  test.each<{ name: string; samples: Sample[]; stalls: [number, number][] }>([
    { name: 'that has time stalls nobody', samples: trace(REST, REST, REST), stalls: [] },
    {
      name: 'that waits for the most of the time and keeps up stalls nobody',
      samples: trace(REST, [30, 750], [30, 750], [30, 750], REST),
      stalls: [],
    },
    {
      name: 'that cannot keep up for want of a processor does',
      samples: trace(REST, [30, 800], [30, 800], REST),
      stalls: [[1000, 3000]],
    },
    {
      name: 'that hangs does not: it wants nothing',
      samples: trace(REST, [0, 0], [0, 0], [0, 0], REST),
      stalls: [],
    },
    {
      name: 'that hangs on a busy machine does not, though it still takes in what it does not answer',
      samples: trace(REST, [10, 400], [10, 700], [10, 400], REST),
      stalls: [],
    },
    {
      name: 'that spins does not: it has what it wants',
      samples: trace(REST, [1000, 0], [600, 400], [1000, 0], REST),
      stalls: [],
    },
    {
      name: 'whose wait is counted when it ends is stalled from its beginning',
      samples: trace(REST, [0, 0], [0, 0], [100, 2500], REST),
      stalls: [[1500, 4000]],
    },
    {
      name: 'whose waits are counted now in this sample and now in the next is stalled in both',
      samples: trace(REST, [0, 900], [0, 750], [0, 1200], [0, 700], [0, 1000], REST),
      stalls: [[1000, 6000]],
    },
    {
      name: 'that catches up is stalled until it rests',
      samples: trace(REST, [100, 900], [900, 100], [850, 0], REST),
      stalls: [[1000, 4000]],
    },
    {
      name: 'that only starts stalls nobody',
      samples: trace([300, 700], [300, 700], [500, 500]),
      stalls: [],
    },
    {
      name: 'that has started does',
      samples: trace([300, 700], REST, REST, [300, 700], [300, 700], REST),
      stalls: [[3000, 5000]],
    },
    {
      name: 'that is gone stalls nobody any more',
      samples: [...trace(REST, [100, 900], [100, 900]), sample(3, {}), sample(4, {})],
      stalls: [[1000, 3000]],
    },
  ])('$name', ({ samples, stalls }) => {
    expect(joined(stallsOf(samples)).map(({ from, to }) => [from, to])).toEqual(stalls)
  })
})

test('each moment is counted once, whoever stalls in it', () => {
  const rested = { ranMs: 10, waitedMs: 10 }
  const waits = { ranMs: 10, waitedMs: 900 }
  const samples = [
    sample(0, { edge: rested, blue: rested }),
    sample(1, { edge: waits, blue: waits }),
    sample(2, { edge: waits, blue: waits }),
    sample(3, { edge: rested, blue: waits }),
    sample(4, { edge: rested, blue: rested }),
  ]
  expect(stallsOf(samples)).toEqual([{ from: 1000, to: 4000 }])
})

test('the time that is lost of a window', () => {
  const stalls = joined([
    { from: 500, to: 700 },
    { from: 0, to: 100 },
    { from: 650, to: 900 },
  ])
  expect(stalls).toEqual([
    { from: 0, to: 100 },
    { from: 500, to: 900 },
  ])
  expect(stalledMs(stalls, { from: 50, to: 600 })).toBe(150)
  expect(stalledMs(stalls, { from: 100, to: 500 })).toBe(0)
})
