/**
 * `node --import lag-probe.mjs PROGRAM`: how late the timers of PROGRAM's main thread fire, without a change to PROGRAM.
 * The first SIGUSR2 forgets what was seen, each one writes the percentiles since the one before to stderr as a line of JSON.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  process.on('SIGUSR2', () => {
    const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map((ns) => ns / 1e6)
    process.stderr.write(`${JSON.stringify({ lag: { p50, p99, max, samples: delay.count } })}\n`)
    delay.reset()
  })
}
