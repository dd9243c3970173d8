/** Several requests as one run of the model, and its answers as theirs. Rows are what dimension 0 counts. */
import type { Signature, Tensor, TensorData } from '../tensor/tensor.ts'
import type { Tensors } from './executor.ts'

/** The answers of a batch do not fit its rows; the model is not what its signature says. */
export class NotRowWise extends Error {
  override readonly name = 'NotRowWise'
}

/** Why requests to such a model can never share a run; undefined where they might. */
export function neverRowWiseBecause({ inputs, outputs }: Signature): string | undefined {
  if (inputs.length === 0) return 'the model takes no input'
  const fixed = [...inputs, ...outputs].find(({ shape }) => shape[0] !== -1)
  if (!fixed) return undefined
  return `dimension 0 of '${fixed.name}' is ${fixed.shape.length === 0 ? 'unknown' : 'fixed'}`
}

/**
 * Says which requests may share a run: those with the same key. It holds what the signature leaves open: the dimensions after
 * the first, and the outputs asked for. Undefined for a request that has to run alone, since its inputs differ in rows, or
 * since it has none: what models answer to that, a total of nothing for example, says nothing of how they treat others.
 */
export function batchKeys(
  signature: Signature,
): (inputs: Tensors, outputs: readonly string[]) => string | undefined {
  const open = signature.inputs.filter(({ shape }) => shape.includes(-1, 1)).map(({ name }) => name)
  const several = signature.inputs.length > 1
  return (inputs, outputs) => {
    if (rowsOf(inputs) === 0 || (several && !sameRows(inputs))) return undefined
    let key = outputs.join('\n')
    for (const name of open) key += `\n\n${inputs.get(name)?.shape.slice(1).join() ?? ''}`
    return key
  }
}

function sameRows(inputs: Tensors): boolean {
  const rows = rowsOf(inputs)
  for (const { shape } of inputs.values()) if (shape[0] !== rows) return false
  return true
}

/** The size of the first dimension of the first input; 1 where there is none. */
export function rowsOf(inputs: Tensors): number {
  const [first] = inputs.values()
  return first?.shape[0] ?? 1
}

/** The tensors below one another, in storage of their own; expects the same names, types and further dimensions in all. */
export function joinRows(parts: readonly Tensors[]): Map<string, Tensor> {
  const joined = new Map<string, Tensor>()
  for (const name of parts[0]?.keys() ?? []) {
    const tensors = parts.map((part) => part.get(name)).filter((tensor) => tensor !== undefined)
    const [first] = tensors
    if (!first) continue
    const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0)
    joined.set(name, {
      datatype: first.datatype,
      shape: [rows, ...first.shape.slice(1)],
      data: joinData(tensors.map(({ data }) => data)),
    })
  }
  return joined
}

/**
 * The rows of `sizes`, one after the other, as views of the same storage.
 * @throws NotRowWise where a tensor does not have exactly that many rows
 */
export function splitRows(tensors: Tensors, sizes: readonly number[]): Map<string, Tensor>[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const parts = sizes.map(() => new Map<string, Tensor>())
  for (const [name, { datatype, shape, data }] of tensors) {
    if (shape[0] !== total) {
      throw new NotRowWise(`${total} rows gave '${name}' of shape [${shape.join(', ')}]`)
    }
    let start = 0
    for (const [index, size] of sizes.entries()) {
      parts[index]?.set(name, cut({ datatype, shape, data }, start, start + size))
      start += size
    }
  }
  return parts
}

/** Pieces of at most `size` rows with their number, each cut when its turn comes, as views of the same storage. */
export function* piecesOf(tensors: Tensors, size: number): Generator<[number, Map<string, Tensor>]> {
  const rows = rowsOf(tensors)
  for (let start = 0, index = 0; start < rows; start += size, index += 1) {
    const end = Math.min(start + size, rows)
    yield [index, new Map(Array.from(tensors, ([name, tensor]) => [name, cut(tensor, start, end)]))]
  }
}

function cut({ datatype, shape, data }: Tensor, start: number, end: number): Tensor {
  const [rows = 0, ...inner] = shape
  const width = rows === 0 ? 0 : data.length / rows
  return { datatype, shape: [end - start, ...inner], data: sliceData(data, start * width, end * width) }
}

function sliceData(data: TensorData, start: number, end: number): TensorData {
  return Array.isArray(data) ? data.slice(start, end) : data.subarray(start, end)
}

function joinData(parts: readonly TensorData[]): TensorData {
  const [first] = parts
  if (!first || Array.isArray(first)) return (parts as readonly string[][]).flat()
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  // All parts have the type of the first, as the datatypes are the same.
  const joined = new (first.constructor as new (length: number) => Float32Array)(length)
  let offset = 0
  for (const part of parts as readonly Float32Array[]) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}
