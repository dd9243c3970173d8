/**
 * `npm run bench:model-server [-- --rounds 7] [--seconds 5] [--only one-row,batches] [--write]`: what the model server costs
 * beside its peers. Prints what it measures; `--write` keeps it in bench/model-server/results.jsonl and docs/benchmarks.md,
 * in place of what the same parts said before.
 */
import { parseArgs } from 'node:util'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context, Part } from './context.ts'
import { installPeers, machineFacts } from './machine.ts'
import type { PartResult } from './measure.ts'
import { pickCores } from './pinned-process.ts'
import { keepResults } from './results.ts'
import { resultsAsMarkdown } from './report.ts'
import { prepareShipped } from './shipped.ts'
import { batches } from './parts/batches.ts'
import { fastOverload } from './parts/fast-overload.ts'
import { image } from './parts/image.ts'
import { imageTensor } from './parts/image-tensor.ts'
import { memory } from './parts/memory.ts'
import { oneRow } from './parts/one-row.ts'
import { slowModelPart } from './parts/slow-model.ts'
import { start } from './parts/start.ts'

/** In the order in which they run and are shown. */
const PARTS: Readonly<Record<string, Part>> = {
  'one-row': oneRow,
  batches,
  'image-tensor': imageTensor,
  'slow-model': slowModelPart,
  'fast-overload': fastOverload,
  start,
  memory,
  image,
}

const USAGE = `usage: node bench/model-server/run.ts [--rounds 7] [--seconds 5] [--only ${Object.keys(PARTS).join(',')}] [--write]`

type Options = { rounds: number; seconds: number; parts: string[]; write: boolean }

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '5' },
      only: { type: 'string', default: Object.keys(PARTS).join(',') },
      write: { type: 'boolean', default: false },
    },
  })
  const parts = values.only.split(',')
  const unknown = parts.find((part) => PARTS[part] === undefined)
  if (unknown !== undefined) throw new Error(`there is no part '${unknown}'`)
  return {
    rounds: positive('--rounds', values.rounds),
    seconds: positive('--seconds', values.seconds),
    parts,
    write: values.write,
  }
}

function positive(flag: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`${flag}: expected a positive integer, got '${text}'`)
}

async function measureAll({ rounds, seconds, parts, write }: Options): Promise<void> {
  const say = (line: string): void => console.log(line)
  const scratch = fileURLToPath(new URL('../../.demo/bench', import.meta.url))
  mkdirSync(scratch, { recursive: true })
  installPeers(say)
  const shipped = prepareShipped(join(scratch, 'image'))
  const cores = pickCores()
  const context: Context = { rounds, seconds, cores, shipped, scratch, say }

  const results: PartResult[] = []
  for (const name of parts) {
    const part = PARTS[name]
    if (!part) continue
    say(`${name}: ${part.title}`)
    const at = new Date().toISOString()
    const machine = { ...machineFacts(cores), rounds: `${rounds} of ${seconds} s` }
    try {
      results.push({ part: name, at, machine, measures: await part.run(context) })
    } catch (error) {
      // The others can still be measured; this one keeps what it said before.
      process.exitCode = 1
      console.error(`${name} failed:`, error)
      continue
    }
    if (write) await keepResults(results, titles())
  }
  say(`\n${resultsAsMarkdown(results, titles())}`)
}

function titles(): Record<string, string> {
  return Object.fromEntries(Object.entries(PARTS).map(([name, { title }]) => [name, title]))
}

let options: Options
try {
  options = readOptions()
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n${USAGE}\n`)
  process.exit(2)
}
await measureAll(options)
