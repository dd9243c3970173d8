/** A table of rows whose answers are known, and the gates that follow from it. Pure. */
import { CliError } from '../errors.ts'
import type { Signature, Tensor } from './onnx.ts'

export type Table = { columns: string[]; rows: string[][] }

/** Comma-separated values with a head, quoted as RFC 4180 has it. @throws CliError where a row does not fit the head. */
export function parseTable(text: string): Table {
  const lines = [...text.matchAll(/(?:"(?:[^"]|"")*"|[^"\r\n])+/g)].map(([line]) => cellsOf(line))
  const [columns, ...rows] = lines
  if (!columns || rows.length === 0)
    throw new CliError('the table has no row: a head with the names of the columns, then rows')
  const bad = rows.findIndex((row) => row.length !== columns.length)
  if (bad !== -1)
    throw new CliError(
      `row ${bad + 1} of the table has ${rows[bad]?.length ?? 0} cells, and the head ${columns.length}`,
    )
  return { columns, rows }
}

function cellsOf(line: string): string[] {
  return [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = '']) =>
    (quoted?.replaceAll('""', '"') ?? plain).trim(),
  )
}

export type GateOfRow = {
  name: string
  json: { inputs: { name: string; shape: number[]; datatype: string; data: unknown[] }[] }
  expect: { path: string; equals: unknown; absoluteTolerance?: number }[]
}

/** One gate for each row, in the Open Inference Protocol, which every model of the model server speaks. */
export function gatesOf(table: Table, signature: Signature, most: number): GateOfRow[] {
  const expected = expectedColumns(table, signature)
  const given = table.columns.filter((column) => !expected.some((one) => one.column === column))
  const tolerances = expected.map(({ column }) => toleranceOf(valuesOf(table, column)))
  const feed = feeder(given, signature.inputs)
  return table.rows.slice(0, most).map((row, index) => {
    const cell = (column: string): string => row[table.columns.indexOf(column)] ?? ''
    return {
      name: `row-${index + 1}`,
      json: { inputs: feed(cell) },
      expect: expected.map(({ column, path, datatype }, at) => {
        const tolerance = isNumeric(datatype) ? tolerances[at] : undefined
        return {
          path,
          equals: valueOf(cell(column), { name: column, datatype }),
          ...(tolerance === undefined ? {} : { absoluteTolerance: tolerance }),
        }
      }),
    }
  })
}

type Expected = { column: string; path: string; datatype: string }

/** Columns named after an output, or after one element of it: `scores[2]`. */
function expectedColumns({ columns }: Table, { outputs }: Signature): Expected[] {
  const found = columns.flatMap((column) => {
    const [, name, element = '0'] = /^(.*?)(?:\[(\d+)\])?$/.exec(column) ?? []
    const at = outputs.findIndex((one) => one.name === name)
    const output = outputs[at]
    return output ? [{ column, path: `$.outputs[${at}].data[${element}]`, datatype: output.datatype }] : []
  })
  if (found.length > 0) return found
  throw new CliError(
    `no column of the table is named after an output of the model: name the one with the expected values ${outputs.map(({ name }) => name).join(' or ')} (of several elements, ${outputs[0]?.name ?? 'output'}[0], …); it has ${columns.join(', ')}`,
  )
}

type Feed = (cell: (column: string) => string) => GateOfRow['json']['inputs']

/** Either one input takes all columns, in their order, or each input takes the column of its name. */
function feeder(given: readonly string[], inputs: readonly Tensor[]): Feed {
  const [only] = inputs
  if (inputs.length === 1 && only) {
    const width = only.shape
      .slice(1)
      .reduce<number>((all, one) => all * (typeof one === 'number' && one > 0 ? one : given.length), 1)
    if (width !== given.length)
      throw new CliError(
        `the model takes ${width} values a row (${only.name}), and the table has ${given.length} columns for them: ${given.join(', ')}`,
      )
    return (cell) => [tensor(only, [1, ...shapeOf(only, given.length)], given.map(cell))]
  }
  const missing = inputs.filter(({ name }) => !given.includes(name)).map(({ name }) => name)
  if (missing.length > 0) throw new CliError(`the table has no column for the inputs ${missing.join(', ')}`)
  return (cell) => inputs.map((input) => tensor(input, [1, ...shapeOf(input, 1)], [cell(input.name)]))
}

/** Dimensions behind the first, which counts rows; an open one takes what there is. */
function shapeOf({ shape }: Tensor, width: number): number[] {
  return shape.slice(1).map((one) => (typeof one === 'number' && one > 0 ? one : width))
}

function tensor(
  { name, datatype }: Tensor,
  shape: number[],
  cells: readonly string[],
): GateOfRow['json']['inputs'][number] {
  return { name, shape, datatype, data: cells.map((text) => valueOf(text, { name, datatype })) }
}

function isNumeric(datatype: string): boolean {
  return /^(?:FP|U?INT)/.test(datatype)
}

function valueOf(text: string, { name, datatype }: Pick<Tensor, 'name' | 'datatype'>): unknown {
  if (datatype === 'BYTES') return text
  if (datatype === 'BOOL') return /^(?:1|true)$/i.test(text)
  const value = Number(text)
  if (text === '' || Number.isNaN(value))
    throw new CliError(`"${text}" in column ${name} is no number (${datatype})`)
  return value
}

function valuesOf({ columns, rows }: Table, column: string): string[] {
  return rows.map((row) => row[columns.indexOf(column)] ?? '')
}

/** Single precision carries about seven digits. */
const FLOAT_DIGITS = 6

/**
 * Half a unit of the last digit that the table writes: values that round to what stands there are right. Never finer than
 * what single precision can tell of the largest value.
 */
export function toleranceOf(values: readonly string[]): number {
  const digits = Math.max(0, ...values.map((text) => (/\.(\d+)/.exec(text)?.[1] ?? '').length))
  const largest = Math.max(0, ...values.map((text) => Math.abs(Number(text))).filter(Number.isFinite))
  const rounding = 0.5 * 10 ** -digits
  const precision = largest === 0 ? 0 : 10 ** (Math.floor(Math.log10(largest)) + 1 - FLOAT_DIGITS)
  return Number(Math.max(digits === 0 ? 0 : rounding, precision).toPrecision(1))
}
