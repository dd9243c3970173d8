import { expect, test } from '@jest/globals'
import { Drift } from './drift.ts'
import { Metrics } from './metrics.ts'

const RELEASE = { name: 'homes', color: 'green', revision: undefined } as const

/** The lines of the families that the server itself counts. */
async function scrape(metrics: Metrics): Promise<string[]> {
  const text = await metrics.registry.metrics()
  return text.split('\n').filter((line) => line.startsWith('model_server_'))
}

function of(lines: string[], name: string): string[] {
  return lines.filter((line) => line.startsWith(`model_server_${name}`))
}

test('every series of a version carries model, version and color', async () => {
  const metrics = new Metrics(RELEASE, () => true)
  const housing = metrics.of('housing', '2')
  housing.answered('v2', 200, 0.002)
  housing.answered('v2', 200, 0.002)
  housing.answered('predict', 400, 0.0001)
  housing.rejected('queue_full')
  housing.loaded('4f', 0.25, 'samples')
  housing.watchQueue(() => 7)
  const lines = await scrape(metrics)
  expect(of(lines, 'requests_total')).toEqual([
    'model_server_requests_total{model="housing",version="2",protocol="v2",code="200",color="green"} 2',
    'model_server_requests_total{model="housing",version="2",protocol="predict",code="400",color="green"} 1',
  ])
  expect(of(lines, 'rejected_total')).toEqual(
    [
      ['queue_full', 1],
      ['deadline', 0],
      ['too_large', 0],
    ].map(
      ([reason, count]) =>
        `model_server_rejected_total{model="housing",version="2",reason="${reason}",color="green"} ${count}`,
    ),
  )
  expect(of(lines, 'queue_depth')).toEqual([
    'model_server_queue_depth{model="housing",version="2",color="green"} 7',
  ])
  expect(of(lines, 'model_info')).toEqual([
    'model_server_model_info{model="housing",version="2",sha256="4f",color="green"} 1',
  ])
  expect(of(lines, 'model_load_duration_seconds')).toEqual([
    'model_server_model_load_duration_seconds{model="housing",version="2",color="green"} 0.25',
  ])
  expect(of(lines, 'ready')).toEqual(['model_server_ready{color="green"} 1'])
})

test('a histogram is cumulative, its bounds inclusive, and what lies above all of them is counted', async () => {
  const metrics = new Metrics(RELEASE, () => true)
  const housing = metrics.of('housing', '2')
  for (const rows of [1, 2, 3, 5_000]) housing.ran(rows, 0)
  const lines = of(await scrape(metrics), 'batch_size')
  const count = (le: string): number =>
    Number(lines.find((line) => line.includes(`le="${le}"`))?.split(' ')[1])
  expect(['1', '2', '4', '1024', '+Inf'].map(count)).toEqual([1, 2, 3, 3, 4])
  expect(lines.slice(-2)).toEqual([
    'model_server_batch_size_sum{model="housing",version="2",color="green"} 5006',
    'model_server_batch_size_count{model="housing",version="2",color="green"} 4',
  ])
})

test('the mean batch size can be had from two counters', async () => {
  const metrics = new Metrics(RELEASE, () => true)
  const housing = metrics.of('housing', '2')
  housing.ran(30, 0.001)
  housing.ran(34, 0.001)
  const lines = await scrape(metrics)
  expect(of(lines, 'inferences_total').concat(of(lines, 'executions_total'))).toEqual([
    'model_server_inferences_total{model="housing",version="2",color="green"} 64',
    'model_server_executions_total{model="housing",version="2",color="green"} 2',
  ])
})

test('the series of a version end when the last who holds it removes it', async () => {
  const metrics = new Metrics(RELEASE, () => true)
  const first = metrics.of('housing', '2')
  const reloaded = metrics.of('housing', '2')
  metrics.of('cars', '1')
  first.ran(1, 0)
  first.removed()
  reloaded.ran(1, 0)
  expect(of(await scrape(metrics), 'executions_total')).toEqual([
    'model_server_executions_total{model="housing",version="2",color="green"} 2',
    'model_server_executions_total{model="cars",version="1",color="green"} 0',
  ])
  reloaded.removed()
  expect((await scrape(metrics)).filter((line) => line.includes('housing'))).toEqual([])
})

test('a version that comes back starts from zero', async () => {
  const metrics = new Metrics(RELEASE, () => true)
  const first = metrics.of('housing', '2')
  first.ran(1, 0)
  first.removed()
  first.removed()
  metrics.of('housing', '2')
  expect(of(await scrape(metrics), 'executions_total')).toEqual([
    'model_server_executions_total{model="housing",version="2",color="green"} 0',
  ])
})

test('what stops the event loop shows until the next scrape', async () => {
  const metrics = new Metrics(RELEASE, () => true)
  const worst = async (): Promise<number> => {
    const line = of(await scrape(metrics), 'event_loop_lag_seconds').find((one) =>
      one.includes('quantile="1"'),
    )
    return Number(line?.split(' ')[1])
  }
  const stop = (): void => {
    const until = performance.now() + 200
    while (performance.now() < until);
  }
  let seen: number
  // Two turns of the monitor's timer around the stop, which is what it measures. On a busy machine one may be late.
  do {
    await turn()
    stop()
    await turn()
    seen = await worst()
  } while (!(seen > 0.1))
  expect(seen).toBeGreaterThan(0.1)
})

/** Resolves after the monitor's timer, of 10 ms, ran. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30))
}

test('drift is told of a version that has a reference', async () => {
  const metrics = new Metrics(RELEASE, () => true)
  const housing = metrics.of('housing', '2')
  expect(of(await scrape(metrics), 'feature')).toEqual([])
  const signature = { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }], outputs: [] } as const
  const drift = new Drift([{ name: 'x', edges: [1], shares: [0.5, 0.5] }], signature, 'no columns')
  drift.observe(new Map([['x', { datatype: 'FP32', shape: [1], data: Float32Array.of(2) }]]))
  housing.watchDrift(drift)
  expect(of(await scrape(metrics), 'feature_values_bucket')).toEqual([
    'model_server_feature_values_bucket{le="1",model="housing",version="2",feature="x",color="green"} 0',
    'model_server_feature_values_bucket{le="+Inf",model="housing",version="2",feature="x",color="green"} 1',
  ])
})
