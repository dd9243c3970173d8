/** Tables with named columns, as pandas sends them in one form or another, and how they become the inputs of a model. */
import { RequestError } from '../http/request-error.ts'
import { readElements, shown, specialFloat } from '../tensor/tensor-json.ts'
import { parseExactly } from '../tensor/exact-json.ts'
import { isFloat } from '../tensor/tensor.ts'
import type { Datatype, Signature, Tensor, TensorSpec } from '../tensor/tensor.ts'
import { isObject, namesOf } from './json-value.ts'
import { numberAt } from './predict-codec.ts'
import type { FrameMapping } from '../tensor/frame-mapping.ts'

const BOOLEANS = new Map([
  ['True', true],
  ['true', true],
  ['False', false],
  ['false', false],
])
const INTEGER = /^(0|-?[1-9]\d{0,19})$/

/** What pandas reads from CSV as a missing number, beside NaN in any case. */
const MISSING = new Set(
  ',#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,None,n/a,null'.split(','),
)

/** Rows of cells, each row as long as the columns are many. */
export type Table = {
  columns: readonly string[]
  rows: readonly (readonly unknown[])[]
  /** All cells are text, whose words have to be read. */
  isCsv?: boolean
}

/**
 * `{columns, index?, data}`. A list of values as `data` is one column of them.
 * @throws RequestError 400
 */
export function tableOfSplit(value: unknown): Table {
  if (!isObject(value) || !Array.isArray(value.columns) || !Array.isArray(value.data)) {
    throw new RequestError(400, `dataframe_split: expected {columns: [], data: []}, got ${shown(value)}`)
  }
  const columns = value.columns.map((name: unknown, at) => {
    if (typeof name === 'string' || typeof name === 'number') return String(name)
    throw new RequestError(400, `dataframe_split: columns[${at}]: expected a name, got ${shown(name)}`)
  })
  const rows = value.data.map((row: unknown) => (Array.isArray(row) ? (row as unknown[]) : [row]))
  return checked('dataframe_split', { columns, rows })
}

/**
 * `[{column: value}]`. The first row has all columns; of the others, those that it has not are ignored.
 * @throws RequestError 400
 */
export function tableOfRecords(value: unknown, place = 'dataframe_records'): Table {
  if (!Array.isArray(value)) {
    throw new RequestError(400, `${place}: expected a list of objects, got ${shown(value)}`)
  }
  const records = value.map((record: unknown, row) => {
    if (isObject(record)) return record
    throw new RequestError(400, `${place}[${row}]: expected an object, got ${shown(record)}`)
  })
  const columns = Object.keys(records[0] ?? {})
  const rows = records.map((record, row) =>
    columns.map((column) => {
      if (Object.hasOwn(record, column)) return record[column]
      const got = namesOf(Object.keys(record))
      throw new RequestError(400, `${place}[${row}]: column '${column.slice(0, 40)}': missing; got ${got}`)
    }),
  )
  return checked(place, { columns, rows })
}

/**
 * `{column: [value]}`, or `{column: value}` for one row.
 * @throws RequestError 400
 */
export function tableOfLists(place: string, value: Record<string, unknown>): Table {
  const columns = Object.keys(value)
  if (columns.length > 0 && !Object.values(value).some((list) => typeof list === 'object' && list !== null)) {
    return checked(place, { columns, rows: [Object.values(value)] })
  }
  const lists = columns.map((column) => {
    const list = value[column]
    if (Array.isArray(list)) return list as unknown[]
    throw new RequestError(
      400,
      `${place}: column '${column.slice(0, 40)}': expected a list, got ${shown(list)}`,
    )
  })
  const length = lists[0]?.length ?? 0
  const other = lists.findIndex((list) => list.length !== length)
  if (other !== -1) {
    const [name, got] = [String(columns[other]).slice(0, 40), lists[other]?.length ?? 0]
    throw new RequestError(
      400,
      `${place}: column '${name}': expected ${length} values as in the first, got ${got}`,
    )
  }
  const rows = Array.from({ length }, (_, row) => lists.map((list) => list[row]))
  return checked(place, { columns, rows })
}

/**
 * Records with the names of the columns in the first.
 * @throws RequestError 400
 */
export function tableOfCsv([columns = [], ...rows]: readonly string[][]): Table {
  return checked('the body', { columns, rows, isCsv: true })
}

/**
 * A table as what the model takes. Columns are taken by name, and those that it does not know are ignored: the one matrix of a
 * model that names its columns, or an input for each column. A matrix whose columns nobody named takes them as they come.
 * @throws RequestError 400 naming the column; 501 where this model takes no tables
 */
export function inputsOfTable(
  table: Table,
  { inputs: specs }: Signature,
  frame: FrameMapping | string,
): Map<string, Tensor> {
  if (typeof frame !== 'string') {
    return new Map([
      [frame.input, matrix(table, frame.columns, { name: frame.input, datatype: frame.datatype })],
    ])
  }
  if (specs.every(isColumn)) {
    const isNamed = specs.length > 1 || table.columns.includes(specs[0]?.name ?? '')
    if (isNamed) return new Map(specs.map((spec) => [spec.name, column(table, spec)]))
  }
  const [spec, ...others] = specs
  if (spec?.shape.length !== 2 || others.length > 0) {
    throw new RequestError(501, `this model takes no tables, send 'instances' or 'inputs'; ${frame}`)
  }
  const width = spec.shape[1] === -1 ? table.columns.length : spec.shape[1]
  if (width !== table.columns.length) {
    throw new RequestError(
      400,
      `input '${spec.name}': expected ${String(width)} columns, got ${table.columns.length} (${namesOf(table.columns)})`,
    )
  }
  return new Map([[spec.name, matrix(table, table.columns, spec)]])
}

function checked(place: string, table: Table): Table {
  const { columns, rows } = table
  const seen = new Set<string>()
  const twice = columns.find((name) => seen.size === seen.add(name).size)
  if (twice !== undefined)
    throw new RequestError(400, `${place}: column '${twice.slice(0, 40)}': given twice`)
  const row = rows.findIndex((cells) => cells.length !== columns.length)
  if (row === -1) return table
  throw new RequestError(
    400,
    `${place}: row ${row}: expected ${columns.length} values, one for each column, got ${rows[row]?.length ?? 0}`,
  )
}

function isColumn({ shape: [, width = 1, ...more] }: TensorSpec): boolean {
  return more.length === 0 && (width === 1 || width === -1)
}

/** How the cells of a table are read: in CSV words say that a number is missing. */
function readerOf({ isCsv }: Table): typeof cellAt {
  if (!isCsv) return cellAt
  return (column, row, value, datatype) =>
    isFloat(datatype) && MISSING.has(value as string) ? null : cellAt(column, row, value, datatype)
}

function matrix(
  table: Table,
  names: readonly string[],
  { name, datatype }: Pick<TensorSpec, 'name' | 'datatype'>,
): Tensor {
  const places = names.map((wanted) => placeOf(table, wanted))
  const values = new Array<unknown>(table.rows.length * names.length)
  const read = readerOf(table)
  for (const [row, cells] of table.rows.entries()) {
    for (const [at, place] of places.entries()) {
      values[row * names.length + at] = read(names[at] ?? '', row, cells[place], datatype)
    }
  }
  return {
    datatype,
    shape: [table.rows.length, names.length],
    data: readElements(`input '${name}'`, datatype, values),
  }
}

function column(table: Table, { name, datatype, shape }: TensorSpec): Tensor {
  const place = placeOf(table, name)
  const read = readerOf(table)
  const values = table.rows.map((cells, row) => read(name, row, cells[place], datatype))
  return {
    datatype,
    shape: shape.length === 1 ? [values.length] : [values.length, 1],
    data: readElements(`column '${name}'`, datatype, values),
  }
}

function placeOf({ columns }: Table, name: string): number {
  const place = columns.indexOf(name)
  if (place === -1) throw new RequestError(400, `column '${name}': missing; got ${namesOf(columns)}`)
  return place
}

/** CSV has only text, and pandas reads a number or a boolean from it where it can. */
function cellAt(column: string, row: number, value: unknown, datatype: Datatype): unknown {
  if (isFloat(datatype))
    return specialFloat(value) === undefined ? numberAt(column, row, value, datatype) : value
  if (datatype === 'BYTES' || typeof value !== 'string') return value
  if (datatype === 'BOOL') return BOOLEANS.get(value) ?? value
  return INTEGER.test(value) ? parseExactly(value) : value
}
