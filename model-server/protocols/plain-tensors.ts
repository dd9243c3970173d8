/** Tensors as nested lists that say neither datatype nor shape, as V1 and MLflow send them. The model knows the rest. */
import { RequestError } from '../http/request-error.ts'
import { readNested, shown, writeElements } from '../tensor/tensor-json.ts'
import { elementCount, oneRow, zeros } from '../tensor/tensor.ts'
import type { Signature, Tensor, TensorSpec } from '../tensor/tensor.ts'
import { isObject, namesOf } from './json-value.ts'

/** Inputs by name, and how many rows came; undefined where rows are not what was sent. */
export type PlainInputs = { inputs: Map<string, Tensor>; rows: number | undefined }

/** More dimensions than any model has; deeper lists are an attack on whoever walks them. */
const MAX_RANK = 32

/**
 * Row by row: a list of what one row of the only input is, or of objects with a row of each input.
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodeInstances(value: unknown, { inputs: specs }: Signature): PlainInputs {
  if (!Array.isArray(value)) throw new RequestError(400, `instances: expected a list, got ${shown(value)}`)
  if (value.length === 0) return { inputs: withoutRows(specs), rows: 0 }
  if (!isObject(value[0])) {
    const spec = onlyInput('instances', specs)
    return { inputs: new Map([[spec.name, decodeTensor('instances', value, spec)]]), rows: value.length }
  }

  const rows = value.map((row: unknown, index) => {
    if (isObject(row)) return row
    throw new RequestError(400, `instances[${index}]: expected an object like the first, got ${shown(row)}`)
  })
  const inputs = new Map<string, Tensor>()
  for (const spec of specs) {
    const column = rows.map((row, index) => memberOf(row, spec.name, `instances[${index}]`))
    inputs.set(spec.name, decodeTensor(`instances: '${spec.name}'`, column, spec))
  }
  return { inputs, rows: rows.length }
}

function withoutRows(specs: readonly TensorSpec[]): Map<string, Tensor> {
  return new Map(
    specs.map(({ name, datatype, shape }) => {
      const empty = [0, ...oneRow(shape).slice(1)]
      return [name, { datatype, shape: empty, data: zeros(datatype, 0) }]
    }),
  )
}

/**
 * Column by column: the only input, or an object with each.
 * @throws RequestError 400 naming the field, what was expected and what came
 */
export function decodeColumnar(value: unknown, { inputs: specs }: Signature): PlainInputs {
  const inputs = new Map<string, Tensor>()
  if (isObject(value)) {
    for (const spec of specs) {
      inputs.set(
        spec.name,
        decodeTensor(`inputs: '${spec.name}'`, memberOf(value, spec.name, 'inputs'), spec),
      )
    }
  } else {
    const spec = onlyInput('inputs', specs)
    inputs.set(spec.name, decodeTensor('inputs', value, spec))
  }
  return { inputs, rows: undefined }
}

/** The elements of a tensor in lists as its shape says; a scalar is no list. JSON has no NaN and no infinity: they are null. */
export function nested(tensor: Tensor): unknown {
  return nest(writeElements(tensor).values, tensor.shape)
}

function nest(values: unknown[], [size, ...inner]: readonly number[]): unknown {
  if (size === undefined) return values[0]
  if (inner.length === 0) return values
  const step = elementCount(inner)
  return Array.from({ length: size }, (_, at) => nest(values.slice(at * step, (at + 1) * step), inner))
}

function onlyInput(place: string, specs: readonly TensorSpec[]): TensorSpec {
  const [spec, ...others] = specs
  if (spec && others.length === 0) return spec
  const names = specs.map(({ name }) => `'${name}'`).join(', ')
  throw new RequestError(
    400,
    `${place}: expected objects with ${names}, because this model has ${specs.length} inputs`,
  )
}

function memberOf(object: Record<string, unknown>, name: string, place: string): unknown {
  if (Object.hasOwn(object, name)) return object[name]
  throw new RequestError(400, `${place}: expected '${name}', got ${namesOf(Object.keys(object))}`)
}

function decodeTensor(place: string, value: unknown, spec: TensorSpec): Tensor {
  const shape = shapeOf(place, value)
  checkRegular(place, value, shape)
  const data = readNested(place, spec.datatype, shape, Array.isArray(value) ? value : [value])
  return { datatype: spec.datatype, shape: fitted(place, shape, spec), data }
}

/** The lengths of the first list at each depth; that the others are like it is for `checkRegular` to say. */
function shapeOf(place: string, value: unknown): number[] {
  const shape: number[] = []
  for (let inner = value; Array.isArray(inner); inner = inner[0] as unknown) {
    if (shape.length === MAX_RANK) {
      throw new RequestError(400, `${place}: nested deeper than ${MAX_RANK} lists`)
    }
    shape.push(inner.length)
  }
  return shape
}

function checkRegular(place: string, value: unknown, [length, ...rest]: readonly number[]): void {
  const isRegular = Array.isArray(value) ? value.length === length : length === undefined
  if (!isRegular) throw new RequestError(400, `${place}: expected lists of equal length at every depth`)
  if (!Array.isArray(value)) return
  if (rest.length > 0) for (const inner of value) checkRegular(place, inner, rest)
  else if (value.some(Array.isArray)) checkRegular(place, value, [NaN])
}

/** A list of values stands for a column of them, as it does in numpy and pandas. */
function fitted(place: string, shape: number[], { name, shape: declared }: TensorSpec): number[] {
  const last = declared.at(-1)
  const isColumn = shape.length === 1 && declared.length === 2 && (last === 1 || last === -1)
  const actual = isColumn ? [...shape, 1] : shape
  const fits =
    declared.length === 0 ||
    (actual.length === declared.length &&
      declared.every((size, axis) => size === -1 || size === actual[axis]))
  if (fits) return actual
  throw new RequestError(
    400,
    `${place}: expected shape [${declared.join(', ')}] (-1 is any) for input '${name}', got [${shape.join(', ')}]`,
  )
}
