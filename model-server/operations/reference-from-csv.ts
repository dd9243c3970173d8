/**
 * Makes a DRIFT_REFERENCE from the data that a model was trained on:
 * `node model-server/operations/reference-from-csv.ts [--columns A,B] < training.csv > drift-reference.json`
 */
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { parseColumns } from '../config/values.ts'
import { parseCsv } from '../protocols/csv.ts'
import { referenceOf, writeDriftReference } from './drift-reference.ts'

const { values } = parseArgs({ options: { columns: { type: 'string' } } })

try {
  const [header = [], ...rows] = parseCsv(await text(process.stdin))
  const columns = values.columns === undefined ? header : parseColumns(values.columns)
  process.stdout.write(
    writeDriftReference(columns.map((column) => referenceOf(column, numbersOf(column, header, rows)))),
  )
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 2
}

function numbersOf(column: string, header: readonly string[], rows: readonly string[][]): number[] {
  const at = header.indexOf(column)
  if (at < 0) throw new Error(`column '${column}': missing; the first line names ${header.join(', ')}`)
  if (rows.length === 0) throw new Error('expected rows after the first line, got none')
  return rows.map((row, index) => {
    const cell = row[at]?.trim() ?? ''
    const number = cell === '' ? NaN : Number(cell)
    if (Number.isFinite(number)) return number
    throw new Error(`line ${index + 2}, column '${column}': expected a number, got '${cell}'`)
  })
}
