/** What a model says of its graph's inputs and outputs, read from its bytes: the binding (1.30) tells less. */
import { fieldsOf } from './protobuf.ts'
import type { Field } from './protobuf.ts'

/** An input or output, and what it is in the words of onnxruntime: `tensor(float)`, `seq(map(int64,tensor(float)))`. */
export type Port = { name: string; type: string }

/** Numbers of the fields of onnx.proto3 that are read here. */
export const FIELD = {
  model: { graph: 7 },
  graph: { node: 1, input: 11, output: 12 },
  node: { input: 1, output: 2, operator: 4, attribute: 5, domain: 7 },
  attribute: { name: 1, ints: 8, strings: 9 },
  valueInfo: { name: 1, type: 2 },
  type: { tensor: 1, sequence: 4, map: 5, sparse: 8, optional: 9 },
  tensor: { element: 1, shape: 2 },
} as const

/** TensorProto.DataType, by number. */
const ELEMENTS =
  'undefined,float,uint8,int8,uint16,int16,int32,int64,string,bool,float16,double,uint32,uint64,complex64,complex128,bfloat16,float8e4m3fn,float8e4m3fnuz,float8e5m2,float8e5m2fnuz,uint4,int4,float4e2m1'.split(
    ',',
  )

/** The inputs and outputs of a model; empty where the bytes are none. */
export function portsOf(model: Uint8Array): { inputs: Port[]; outputs: Port[] } {
  const inputs: Port[] = []
  const outputs: Port[] = []
  for (const graph of membersOf(model, FIELD.model.graph)) {
    for (const { number, content } of fieldsOf(graph.content)) {
      if (number === FIELD.graph.input) inputs.push(portOf(content))
      if (number === FIELD.graph.output) outputs.push(portOf(content))
    }
  }
  return { inputs, outputs }
}

/** The fields of one number. */
export function membersOf(message: Uint8Array, number: number): Field[] {
  return [...fieldsOf(message)].filter((field) => field.number === number)
}

/** The text in the first field of one number; empty where there is none. */
export function textIn(message: Uint8Array, number: number): string {
  return new TextDecoder().decode(membersOf(message, number)[0]?.content)
}

function portOf(valueInfo: Uint8Array): Port {
  const [type] = membersOf(valueInfo, FIELD.valueInfo.type)
  return { name: textIn(valueInfo, FIELD.valueInfo.name), type: type ? typeIn(type.content) : 'unknown' }
}

// Deeper ones are no type but an attack on whoever reads it.
function typeIn(message: Uint8Array, depth = 0): string {
  const inner = (content: Uint8Array, number: number): string =>
    typeIn(membersOf(content, number)[0]?.content ?? new Uint8Array(), depth + 1)
  if (depth > 8) return 'unknown'
  for (const { number, content } of fieldsOf(message)) {
    if (number === FIELD.type.tensor) return `tensor(${elementIn(content)})`
    if (number === FIELD.type.sparse) return `sparse_tensor(${elementIn(content)})`
    if (number === FIELD.type.sequence) return `seq(${inner(content, 1)})`
    if (number === FIELD.type.optional) return `optional(${inner(content, 1)})`
    if (number === FIELD.type.map) return `map(${elementIn(content)},${inner(content, 2)})`
  }
  return 'unknown'
}

function elementIn(message: Uint8Array): string {
  const element = membersOf(message, FIELD.tensor.element)[0]?.value ?? 0
  return ELEMENTS[element] ?? `type ${element}`
}
