/**
 * Asks a server of the Open Inference Protocol V2 whether it is one:
 * `node model-server/test/conformance.ts --url http://127.0.0.1:8080 --model housing`. It prints a line for each vector (TAP) and
 * exits with 1 where one is not met. It works with any server and any model of tensors that runs on zeros.
 */
import { parseArgs } from 'node:util'
import { binaryVectors, coreVectors } from './conformance-vectors.ts'
import type { ModelMetadata, Vector } from './conformance-vectors.ts'

/** Longer than any refusal takes; a server that hangs does not conform. */
const PATIENCE_MS = 30_000

/** A vector and what was wrong with the answer; undefined where nothing was. */
export type Verdict = { title: string; problem: string | undefined }

/** Ask everything, one after the other. */
export async function conform(url: string, model: string): Promise<Verdict[]> {
  const metadata = (await (await fetch(`${url}/v2/models/${model}`)).json()) as ModelMetadata
  const { extensions } = (await (await fetch(`${url}/v2`)).json()) as { extensions: string[] }
  const vectors = [
    ...coreVectors(metadata),
    ...(extensions.includes('binary_tensor_data') ? binaryVectors(metadata) : []),
  ]
  const verdicts: Verdict[] = []
  for (const vector of vectors) {
    const problem = await problemOf(url, vector).catch((error: unknown) => String(error))
    verdicts.push({ title: vector.title, problem })
  }
  return verdicts
}

async function problemOf(url: string, vector: Vector): Promise<string | undefined> {
  const { method = 'GET', path, headers = {}, body, status, look } = vector
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(body ? { body: new Uint8Array(body) } : {}),
    signal: AbortSignal.timeout(PATIENCE_MS),
  })
  const answer = {
    status: response.status,
    headers: response.headers,
    body: Buffer.from(await response.arrayBuffer()),
  }
  if (status.includes(answer.status)) return look?.(answer)
  return `expected ${status.join(' or ')}, got ${answer.status}: ${answer.body.toString().slice(0, 200)}`
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { url: { type: 'string' }, model: { type: 'string' } } })
  if (values.url === undefined || values.model === undefined) {
    process.stderr.write('usage: node model-server/test/conformance.ts --url URL --model NAME\n')
    process.exitCode = 2
    return
  }
  const verdicts = await conform(values.url.replace(/\/$/, ''), values.model)
  process.stdout.write(`TAP version 14\n1..${verdicts.length}\n`)
  for (const [index, { title, problem }] of verdicts.entries()) {
    process.stdout.write(`${problem === undefined ? 'ok' : 'not ok'} ${index + 1} - ${title}\n`)
    if (problem !== undefined) process.stdout.write(`  # ${problem}\n`)
  }
  if (verdicts.some(({ problem }) => problem !== undefined)) process.exitCode = 1
}

if (import.meta.main) await main()
