/** Results as Markdown. */
import { isMet, missedBy } from './measure.ts'
import type { Measure, PartResult, Target } from './measure.ts'
import { spreadOf } from './statistics.ts'

const BEGIN = '<!-- results: written by bench/model-server/run.ts --write -->'
const END = '<!-- end of results -->'

/** What stands between the marks of docs/benchmarks.md. */
export function resultsAsMarkdown(
  results: readonly PartResult[],
  titles: Readonly<Record<string, string>>,
): string {
  const parts = results.map((result) => {
    const facts = Object.entries(result.machine).map(([name, value]) => `${name} ${value}`.trim())
    return [
      `### ${titles[result.part] ?? result.part}`,
      table(result.measures),
      `${result.at.slice(0, 16).replace('T', ' ')} UTC; ${facts.join('; ')}.`,
    ].join('\n\n')
  })
  return [...parts, '### Targets missed', missed(results, titles)].join('\n\n')
}

/** The document with its results replaced; throws where it has no place for them. */
export function replaceResults(document: string, results: string): string {
  const [before, after] = [document.split(BEGIN)[0], document.split(END)[1]]
  if (before === undefined || after === undefined || !document.includes(BEGIN)) {
    throw new Error(`the document has no '${BEGIN}' and '${END}'`)
  }
  return `${before}${BEGIN}\n\n${results}\n\n${END}${after}`
}

function table(measures: readonly Measure[]): string {
  const rows = measures.map((measure) => {
    const { median, min, max } = spreadOf(measure.values)
    const spread = measure.values.length === 1 ? '' : `${shown(min)} – ${shown(max)}`
    const unit = measure.unit === '' ? '' : ` ${measure.unit}`
    const cells = [measure.name, `${shown(median)}${unit}`, spread, targetOf(measure), measure.note ?? '']
    return `| ${cells.join(' | ')} |`
  })
  return ['| | median | rounds | target | |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')
}

function targetOf(measure: Measure): string {
  if (measure.target === undefined) return ''
  return `${words(measure.target)}: ${isMet(measure) === true ? 'met' : '**missed**'}`
}

function missed(results: readonly PartResult[], titles: Readonly<Record<string, string>>): string {
  const lines = results.flatMap(({ part, measures }) =>
    measures
      .filter((measure) => isMet(measure) === false)
      .map((measure) => {
        const { median } = spreadOf(measure.values)
        const percent = (missedBy(measure) * 100).toFixed(missedBy(measure) < 0.1 ? 1 : 0)
        return `- ${titles[part] ?? part}, ${measure.name}: ${shown(median)} instead of ${measure.target === undefined ? '' : words(measure.target)}, ${percent} % off`
      }),
  )
  return lines.length === 0 ? 'None.' : lines.join('\n')
}

function words(target: Target): string {
  return 'least' in target ? `at least ${shown(target.least)}` : `at most ${shown(target.most)}`
}

/** Three digits that count; more would be read as precision. */
export function shown(value: number): string {
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return Number(value.toFixed(Math.min(digits, 4))).toLocaleString('en-US', { maximumFractionDigits: 4 })
}
