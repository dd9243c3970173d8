/**
 * What the runtime alone can do: `session.run` in a loop, with the options of the model server and one tensor made in
 * advance. `node session-run.mjs MODEL SHAPE SECONDS`; prints one line of JSON. SECONDS 0 runs until it is killed.
 */
import process from 'node:process'

process.env.ORT_DISABLE_TELEMETRY = '1'
const { InferenceSession, Tensor } = await import('onnxruntime-node')

const [model, shape, seconds] = process.argv.slice(2)
const dimensions = shape.split('x').map(Number)
const session = await InferenceSession.create(model, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
})
const count = dimensions.reduce((product, size) => product * size, 1)
const feeds = {
  [session.inputNames[0]]: new Tensor('float32', new Float32Array(count).fill(0.044), dimensions),
}

async function loop(milliseconds) {
  const started = performance.now()
  let runs = 0
  while (performance.now() - started < milliseconds) {
    for (let index = 0; index < 16; index += 1, runs += 1) await session.run(feeds)
  }
  return { runs, seconds: (performance.now() - started) / 1000 }
}

await loop(500)
const before = process.cpuUsage()
const result = await loop(seconds === '0' ? Infinity : Number(seconds) * 1000)
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ ...result, cpuSeconds: (user + system) / 1e6 }))
