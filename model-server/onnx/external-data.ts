/**
 * Weights that a model keeps in other files. onnxruntime 1.30 looks for them in the working directory when a model is loaded
 * from bytes, so a model could take its weights from any file there, and no digest would show it.
 */
import { fieldsOf, mentions } from './protobuf.ts'

/** A message of onnx.proto3: which of its fields hold messages that may lead to a tensor, by their numbers. */
type Message = ReadonlyMap<number, () => Message>

/** `TensorProto.external_data` */
const EXTERNAL_DATA = 13
const KEY = 1
const VALUE = 2
/** The key without which nothing is external. */
const LOCATION = 'location'

const TENSOR: Message = new Map()
const SPARSE_TENSOR: Message = new Map([1, 2].map((number) => [number, () => TENSOR]))
const GRAPH: Message = new Map([
  [1, () => NODE],
  [5, () => TENSOR],
  [15, () => SPARSE_TENSOR],
])
const ATTRIBUTE: Message = new Map([
  [5, () => TENSOR],
  [6, () => GRAPH],
  [10, () => TENSOR],
  [11, () => GRAPH],
  [22, () => SPARSE_TENSOR],
  [23, () => SPARSE_TENSOR],
])
const NODE: Message = new Map([[5, () => ATTRIBUTE]])
const FUNCTION: Message = new Map([
  [7, () => NODE],
  [11, () => ATTRIBUTE],
])
const TRAINING: Message = new Map([
  [1, () => GRAPH],
  [2, () => GRAPH],
])
const MODEL: Message = new Map([
  [7, () => GRAPH],
  [20, () => TRAINING],
  [25, () => FUNCTION],
])

/** The first file that a model refers to; undefined where it has all its weights with it. */
export function externalFileOf(model: Uint8Array): string | undefined {
  // Walking a large model takes a while, and hardly one has this word in it.
  if (!mentions(model, LOCATION)) return undefined
  // A list instead of recursion: graphs in attributes of graphs may be nested as deep as a model likes.
  const open: { message: Message; bytes: Uint8Array }[] = [{ message: MODEL, bytes: model }]
  for (let part = open.pop(); part; part = open.pop()) {
    for (const { number, content } of fieldsOf(part.bytes)) {
      if (part.message === TENSOR && number === EXTERNAL_DATA) return locationIn(content)
      const inner = part.message.get(number)
      if (inner) open.push({ message: inner(), bytes: content })
    }
  }
  return undefined
}

function locationIn(entry: Uint8Array): string {
  const texts = new Map(
    [...fieldsOf(entry)].map(({ number, content }) => [number, new TextDecoder().decode(content)]),
  )
  return texts.get(KEY) === LOCATION ? (texts.get(VALUE) ?? '') : 'another file'
}
