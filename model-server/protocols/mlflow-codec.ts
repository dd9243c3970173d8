/** Bodies of the scoring server of MLflow 2 (mlflow/pyfunc/scoring_server). */
import { parseJson } from '../http/body.ts'
import { RequestError } from '../http/request-error.ts'
import type { ErrorCode, RefusalStatus } from '../http/error-codes.ts'
import type { ServedModel } from '../models/served-model.ts'
import { parserFor } from '../tensor/exact-json.ts'
import { shown } from '../tensor/tensor-json.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { parseCsv } from './csv.ts'
import { isObject, namesOf } from './json-value.ts'
import { decodeColumnar, decodeInstances, nested } from './plain-tensors.ts'
import { inputsOfTable, tableOfCsv, tableOfLists, tableOfRecords, tableOfSplit } from './table.ts'
import type { Table } from './table.ts'

/** A checked request. */
export type Invocation = {
  inputs: ReadonlyMap<string, Tensor>
  /** Whether no row came, so that there is nothing to ask. */
  isEmpty: boolean
  /** Whether a data frame came, so that several outputs go back as one. */
  isTable: boolean
}

type Model = Pick<ServedModel, 'signature' | 'frame'>

type Form = (typeof FORMS)[number]

const FORMS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const

/**
 * `text/csv` with the names of the columns in its first line.
 * @throws RequestError 400 naming the column and row, what was expected and what came
 */
export function decodeCsv(body: Buffer, { signature, frame }: Model): Invocation {
  const table = tableOfCsv(parseCsv(decodeText(body)))
  return ofTable(table, { signature, frame })
}

function ofTable(table: Table, { signature, frame }: Model): Invocation {
  return { inputs: inputsOfTable(table, signature, frame), isEmpty: table.rows.length === 0, isTable: true }
}

// Drops a byte order mark, as pandas does.
function decodeText(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw new RequestError(400, 'the body: expected CSV in UTF-8, got other bytes', { cause })
  }
}

/**
 * `application/json`: exactly one of the four forms, and perhaps `params`, which no ONNX model has a use for.
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodeInvocation(body: Buffer, { signature, frame }: Model): Invocation {
  const request = parseJson(body, parserFor(signature))
  if (!isObject(request)) throw new RequestError(400, `the body: expected an object, got ${shown(request)}`)
  const form = formOf(request)
  checkParams(request.params)

  const value = request[form]
  const table = tableIn(form, value, signature)
  if (table) return ofTable(table, { signature, frame })
  const decode = form === 'instances' ? decodeInstances : decodeColumnar
  const { inputs, rows } = decode(value, signature)
  return { inputs, isEmpty: rows === 0, isTable: false }
}

/** @throws RequestError 400 where there is not exactly one */
function formOf(request: Record<string, unknown>): Form {
  const forms = FORMS.filter((form) => Object.hasOwn(request, form))
  const [form, ...others] = forms
  if (form !== undefined && others.length === 0) return form
  const got = forms.length > 1 ? forms.join(' and ') : namesOf(Object.keys(request))
  throw new RequestError(400, `the body: expected exactly one of ${FORMS.join(', ')}, got ${got}`)
}

function checkParams(params: unknown): void {
  if (params === undefined || params === null || isObject(params)) return
  throw new RequestError(400, `params: expected an object, got ${shown(params)}`)
}

/** The data frame in a request; undefined where it holds tensors. */
function tableIn(form: Form, value: unknown, signature: Model['signature']): Table | undefined {
  switch (form) {
    case 'dataframe_split':
      return tableOfSplit(value)
    case 'dataframe_records':
      return tableOfRecords(value)
    case 'instances':
      return isRecords(value, signature) ? tableOfRecords(value, form) : undefined
    case 'inputs':
      if (isRecords(value, signature)) return tableOfRecords(value, form)
      return isObject(value) && !namesInput(value, signature) ? tableOfLists('inputs', value) : undefined
  }
}

// `{"foo": [1, 2, 3]}` is a tensor where the model has an input 'foo', and a column where it does not.
function namesInput(value: Record<string, unknown>, { inputs }: Model['signature']): boolean {
  return inputs.some(({ name }) => Object.hasOwn(value, name))
}

function isRecords(value: unknown, signature: Model['signature']): boolean {
  const first: unknown = Array.isArray(value) ? value[0] : undefined
  return isObject(first) && !namesInput(first, signature)
}

/**
 * The answer: a prediction for each row, a number for a single value and a list for several. Several outputs go back as
 * records where a table came, and as lists by name otherwise.
 * @param isNamed a single output too, as the ONNX flavor of MLflow has it
 */
export function encodePredictions(
  outputs: ReadonlyMap<string, Tensor>,
  { isTable, isNamed = false }: Pick<Invocation, 'isTable'> & { isNamed?: boolean },
): object {
  const [only, ...others] = Array.from(outputs, ([name, tensor]) => ({ name, rows: rowsOf(tensor) }))
  if (!only) throw new Error('the model gave no output')
  if (others.length === 0 && !isNamed) return { predictions: only.rows }
  const all = [only, ...others]
  const count = only.rows.length
  if (!isTable || others.some(({ rows }) => rows.length !== count)) {
    return { predictions: Object.fromEntries(all.map(({ name, rows }) => [name, rows])) }
  }
  return {
    predictions: Array.from({ length: count }, (_, row) =>
      Object.fromEntries(all.map(({ name, rows }) => [name, rows[row]])),
    ),
  }
}

function rowsOf(tensor: Tensor): unknown[] {
  const { shape } = tensor
  const flat = shape.length === 2 && shape[1] === 1 ? { ...tensor, shape: shape.slice(0, 1) } : tensor
  const value = nested(flat)
  return Array.isArray(value) ? value : [value]
}

type MlflowError = { error_code: string; message: string; code: ErrorCode }

const MLFLOW_CODES: Record<RefusalStatus | 500, string> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'RESOURCE_DOES_NOT_EXIST',
  405: 'BAD_REQUEST',
  409: 'RESOURCE_CONFLICT',
  413: 'BAD_REQUEST',
  415: 'BAD_REQUEST',
  422: 'BAD_REQUEST',
  500: 'INTERNAL_ERROR',
  501: 'NOT_IMPLEMENTED',
  503: 'TEMPORARILY_UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** A refusal as MLflow words it. */
export function mlflowError(status: number, message: string, code: ErrorCode): MlflowError {
  const theirs = (MLFLOW_CODES as Record<number, string | undefined>)[status]
  return { error_code: theirs ?? 'BAD_REQUEST', message, code }
}
