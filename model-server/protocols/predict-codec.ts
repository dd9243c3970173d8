/** Bodies of `POST /predict`: a pandas frame as `DataFrame.to_json(orient='columns')` writes it, `{column: {row: value}}`. */
import { RequestError } from '../http/request-error.ts'
import { shown, specialFloat, writeElements } from '../tensor/tensor-json.ts'
import { zeros } from '../tensor/tensor.ts'
import type { FrameMapping } from '../tensor/frame-mapping.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { isObject, namesOf } from './json-value.ts'

/**
 * A frame as the model's input, columns by name, rows in ascending order of their index.
 * Columns that the model does not know are ignored, so that a version may drop a feature while clients still send it.
 * @throws RequestError 400 naming the column, the row, what was expected and what came
 */
export function decodeFrame(body: unknown, mapping: FrameMapping): Tensor {
  if (!isObject(body)) {
    throw new RequestError(400, `the body: expected {column: {row: value}}, got ${shown(body)}`)
  }
  const { columns, datatype } = mapping
  const frame = columns.map((column) => ({ column, cells: columnOf(body, column) }))
  const rows = Object.keys(frame[0]?.cells ?? {})

  // Every cell is written below, as a number that was checked.
  const data = zeros(datatype, rows.length * columns.length)
  for (const [at, { column, cells }] of frame.entries()) {
    const values = cellsOf(column, cells, rows, String(columns[0]))
    for (let row = 0; row < rows.length; row += 1) {
      data[row * columns.length + at] = numberAt(column, rows[row] ?? '', values[row], datatype)
    }
  }
  return { datatype, shape: [rows.length, columns.length], data }
}

/** The answer: one prediction for each row, a number for a single value and a list for several. */
export function encodePrediction(output: Tensor): { prediction: unknown[] } {
  const { values } = writeElements(output)
  const [rows = 1] = output.shape
  const width = rows === 0 ? 0 : values.length / rows
  if (width <= 1) return { prediction: values }
  return {
    prediction: Array.from({ length: rows }, (_, row) => values.slice(row * width, (row + 1) * width)),
  }
}

function columnOf(body: Record<string, unknown>, column: string): Record<string, unknown> {
  // A column may be called `constructor`: only the body's own keys count.
  const cells = Object.hasOwn(body, column) ? body[column] : undefined
  if (cells === undefined) {
    throw new RequestError(400, `column '${column}': missing; got ${namesOf(Object.keys(body))}`)
  }
  if (!isObject(cells)) {
    throw new RequestError(400, `column '${column}': expected {row: value}, got ${shown(cells)}`)
  }
  return cells
}

/** The cells of a column in the order of `rows`. pandas would fill gaps with NaN, and the model would answer something. */
function cellsOf(
  column: string,
  cells: Record<string, unknown>,
  rows: readonly string[],
  first: string,
): readonly unknown[] {
  const own = Object.keys(cells)
  // Almost always the columns have the same rows in the same order, and to look up each by its key takes twice as long.
  if (own.length === rows.length && own.every((key, row) => key === rows[row])) return Object.values(cells)
  const missing = rows.find((row) => !Object.hasOwn(cells, row))
  if (missing === undefined && own.length === rows.length) return rows.map((row) => cells[row])
  throw new RequestError(
    400,
    `column '${column}': expected the rows of column '${first}' (${namesOf(rows)}), got ${namesOf(own)}`,
  )
}

/** To the precision of a datatype; beyond its range, an infinity. */
const ROUND = { FP16: Math.f16round, FP32: Math.fround, FP64: Number }

/**
 * A cell as a number, which the datatype can hold. A missing one is NaN, as in a data frame.
 * @throws RequestError 400
 */
export function numberAt(
  column: string,
  row: string | number,
  value: unknown,
  datatype: 'FP16' | 'FP32' | 'FP64',
): number {
  const special = specialFloat(value)
  if (special !== undefined) return special
  // The Flask predictor cast with astype(float), so its clients may send numbers as strings.
  const isText = typeof value === 'string' && value.trim() !== ''
  // A bigint comes where another input takes integers of 64 bits.
  const number = isText || typeof value === 'bigint' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(ROUND[datatype](number))) {
    return number
  }
  throw new RequestError(400, `column '${column}', row '${row}': expected a number, got ${shown(value)}`)
}
