/** Tables and objects as kubectl prints them. */
import { dump } from 'js-yaml'
import { lines } from '../operator/api/text.ts'
import { without } from '../operator/planner/state/persisted-state.ts'
import { CliError } from './errors.ts'

/** Columns as wide as their widest cell, three blanks apart, the last one unpadded. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
        .join('   ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/** One cell: what somebody else wrote must neither move the cursor nor break the row. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return lines(text).replaceAll('\n', '\\n')
}

export type Format = 'json' | 'yaml' | 'wide' | 'name'

/** @throws CliError for a format that there is not. */
export function formatOf(output: string | undefined, formats: readonly Format[]): Format | undefined {
  if (output === undefined || output === '') return undefined
  const found = formats.find((one) => one === output)
  if (!found) throw new CliError(`there is no output format "${output}": use one of ${formats.join(', ')}`)
  return found
}

/** As kubectl prints an object: members in the order of their names, without what only the API server reads. */
export function objectText(object: unknown, format: 'json' | 'yaml'): string {
  const sorted = sortedOf(object)
  if (format === 'json') return `${JSON.stringify(sorted, null, 4)}\n`
  return dump(sorted, { lineWidth: -1, noRefs: true, quoteStyle: 'double', seqNoIndent: true })
}

/** An object without metadata.managedFields. */
export function withoutManagedFields<T extends { metadata?: object }>(object: T): T {
  const metadata: { managedFields?: unknown } = object.metadata ?? {}
  return { ...object, metadata: without(metadata, 'managedFields') }
}

function sortedOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedOf)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, member]) => [name, sortedOf(member)]))
}
