/** The kept results: one line of JSON for each part, and the document made from them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import type { PartResult } from './measure.ts'
import { replaceResults, resultsAsMarkdown } from './report.ts'

const RESULTS = fileURLToPath(new URL('results.jsonl', import.meta.url))
const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))

/** Put these parts in the place of what they said before, in the order of `titles`, and write both files. */
export async function keepResults(
  fresh: readonly PartResult[],
  titles: Readonly<Record<string, string>>,
): Promise<void> {
  const kept = existsSync(RESULTS) ? parseResults(readFileSync(RESULTS, 'utf8')) : []
  const all = mergeResults(kept, fresh, Object.keys(titles))
  writeFileSync(RESULTS, all.map((result) => `${JSON.stringify(result)}\n`).join(''))
  const document = replaceResults(readFileSync(DOCUMENT, 'utf8'), resultsAsMarkdown(all, titles))
  const options = await resolveConfig(DOCUMENT)
  writeFileSync(DOCUMENT, await format(document, { ...options, filepath: DOCUMENT }))
}

/** The newest result of each part that still exists. */
export function mergeResults(
  kept: readonly PartResult[],
  fresh: readonly PartResult[],
  order: readonly string[],
): PartResult[] {
  const newest = new Map([...kept, ...fresh].map((result) => [result.part, result]))
  return order.flatMap((part) => newest.get(part) ?? [])
}

function parseResults(text: string): PartResult[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as PartResult)
}
