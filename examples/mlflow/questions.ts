/** What both scoring servers are asked, and how their answers are compared. */
import { readFileSync } from 'node:fs'

/** One request to `/invocations`. */
export type Question = { name: string; type: string; body: string }

const JSON_TYPE = 'application/json'
const TOLERANCE = 1e-4

type Samples = { columns: string[]; samples: { request: Record<string, Record<string, number>> }[] }

/** Each form that MLflow's protocol has, all rows of the samples, and what both should refuse. */
export function questions(): Question[] {
  const file = readFileSync(new URL('../housing/samples.json', import.meta.url), 'utf8')
  const { columns, samples } = JSON.parse(file) as Samples
  const rows = samples.map(({ request }) =>
    columns.map((column) => Object.values(request[column] ?? {})[0] ?? NaN),
  )
  const records = rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at]])))
  const reversed = records.map((record) => Object.fromEntries(Object.entries(record).reverse()))
  const byColumn = Object.fromEntries(columns.map((column, at) => [column, rows.map((row) => row[at])]))
  const csv = [columns, ...rows].map((row) => row.join(',')).join('\n')
  const split = { columns, data: rows }
  const json = (name: string, body: unknown): Question => ({
    name,
    type: JSON_TYPE,
    body: JSON.stringify(body),
  })

  return [
    json('dataframe_split', { dataframe_split: split }),
    json('dataframe_split with an index', {
      dataframe_split: { ...split, index: rows.map((_, row) => 2 * row) },
    }),
    json('dataframe_split, columns in another order', {
      dataframe_split: { columns: columns.toReversed(), data: rows.map((row) => row.toReversed()) },
    }),
    json('dataframe_split with a column too many', {
      dataframe_split: { columns: [...columns, 'AGE'], data: rows.map((row) => [...row, 1]) },
    }),
    json('dataframe_split without a column', {
      dataframe_split: { columns: columns.slice(1), data: rows.map((row) => row.slice(1)) },
    }),
    json('dataframe_records', { dataframe_records: records }),
    json('dataframe_records in another order', { dataframe_records: reversed }),
    json('inputs by column', { inputs: byColumn }),
    json('instances by record', { instances: records }),
    json('integers for numbers', {
      dataframe_records: [Object.fromEntries(columns.map((column) => [column, 1]))],
    }),
    json('params', { dataframe_split: split, params: {} }),
    { name: 'CSV', type: 'text/csv', body: `${csv}\n` },
    {
      name: 'JSON in UTF-8',
      type: 'application/json; charset=utf-8',
      body: JSON.stringify({ dataframe_split: split }),
    },
    json('no form', {}),
    json('two forms', { dataframe_split: split, dataframe_records: records }),
    json('a bare list', rows),
    json('text for a number', { dataframe_records: [{ ...records[0], RM: 'many' }] }),
    { name: 'half of the JSON', type: JSON_TYPE, body: '{"dataframe_split":' },
    { name: 'another type', type: 'text/plain', body: csv },
    { name: 'an old format', type: 'application/json; format=pandas-split', body: JSON.stringify(split) },
  ]
}

/** In what two servers differ; empty where they answer alike: the same code, and the same predictions where there are some. */
export async function differences({ type, body }: Question, theirs: string, ours: string): Promise<string[]> {
  const ask = async (origin: string): Promise<{ status: number; predictions: number[] }> => {
    const response = await fetch(`${origin}/invocations`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    })
    const text = await response.text()
    return { status: response.status, predictions: response.ok ? numbersOf(JSON.parse(text)) : [] }
  }
  const [their, our] = await Promise.all([ask(theirs), ask(ours)])
  if (their.status !== our.status) return [`MLflow answers ${their.status}, model-server ${our.status}`]
  if (their.predictions.length !== our.predictions.length) {
    return [`MLflow has ${their.predictions.length} predictions, model-server ${our.predictions.length}`]
  }
  return their.predictions.flatMap((number, row) => {
    const mine = our.predictions[row] ?? NaN
    return Math.abs(number - mine) <= TOLERANCE
      ? []
      : [`row ${row}: MLflow predicts ${number}, model-server ${mine}`]
  })
}

/** Predictions as a list of numbers, of lists of one, or of records with one value. */
function numbersOf(answer: unknown): number[] {
  const { predictions } = answer as { predictions: unknown[] }
  return predictions.map((row) =>
    Number(typeof row === 'object' && row !== null ? Object.values(row)[0] : row),
  )
}
