/** Writes small ONNX models for tests, so that these need neither Python nor binary files. The numbers are those of onnx.proto3. */

const ELEMENT_TYPES = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} as const

/** One end of a graph; a dimension given as a string is symbolic. */
export type Port = { name: string; datatype: keyof typeof ELEMENT_TYPES; shape: readonly (number | string)[] }

/** A node of the default operator set. */
export type Node = { op: string; inputs: readonly string[]; outputs: readonly string[] }

/** FP32 values that are part of the model. */
export type Constant = { name: string; shape: readonly number[]; data: Float32Array }

/** A model as bytes. */
export function writeModel(graph: {
  inputs: readonly Port[]
  outputs: readonly Port[]
  nodes: readonly Node[]
  constants?: readonly Constant[]
  metadata?: Readonly<Record<string, string>>
}): Buffer {
  const graphProto = Buffer.concat([
    ...graph.nodes.map((node) =>
      message(
        1,
        ...node.inputs.map((name) => text(1, name)),
        ...node.outputs.map((name) => text(2, name)),
        text(4, node.op),
      ),
    ),
    text(2, 'test'),
    ...(graph.constants ?? []).map((constant) => message(5, constantProto(constant))),
    ...graph.inputs.map((port) => message(11, portProto(port))),
    ...graph.outputs.map((port) => message(12, portProto(port))),
  ])
  return Buffer.concat([
    number(1, 8),
    message(7, graphProto),
    message(8, text(1, ''), number(2, 17)),
    ...Object.entries(graph.metadata ?? {}).map(([key, value]) => message(14, text(1, key), text(2, value))),
  ])
}

/** y = x, for any datatype. */
export function identity(datatype: Port['datatype'], shape: Port['shape'] = ['N', 'M']): Buffer {
  return writeModel({
    inputs: [{ name: 'INPUT0', datatype, shape }],
    outputs: [{ name: 'OUTPUT0', datatype, shape }],
    nodes: [{ op: 'Identity', inputs: ['INPUT0'], outputs: ['OUTPUT0'] }],
  })
}

/** The sum and the difference of two INT32 [1,16], as in the tests of Triton. */
export function addsub(): Buffer {
  const port = (name: string): Port => ({ name, datatype: 'INT32', shape: [1, 16] })
  return writeModel({
    inputs: [port('INPUT0'), port('INPUT1')],
    outputs: [port('OUTPUT0'), port('OUTPUT1')],
    nodes: [
      { op: 'Add', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT0'] },
      { op: 'Sub', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT1'] },
    ],
  })
}

/**
 * y = the mean of 100,000 numbers that are `depth` sines of x each: a row takes about half a millisecond for each sine, and
 * more rows take longer in proportion.
 */
export function slowModel(depth: number): Buffer {
  const width = 100_000
  const names = Array.from({ length: depth + 1 }, (_, index) => `s${index}`)
  return writeModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['N', 1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['N', 1] }],
    constants: [
      { name: 'spread', shape: [1, width], data: new Float32Array(width).fill(1) },
      { name: 'mean', shape: [width, 1], data: new Float32Array(width).fill(1 / width) },
    ],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'spread'], outputs: ['s0'] },
      ...names.slice(1).map((name, index) => ({ op: 'Sin', inputs: [`s${index}`], outputs: [name] })),
      { op: 'MatMul', inputs: [`s${depth}`, 'mean'], outputs: ['y'] },
    ],
  })
}

/** y[n] = x[n] minus the mean of the column: what a row gets depends on the other rows. */
export function centering(): Buffer {
  return writeModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['N', 1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['N', 1] }],
    nodes: [
      { op: 'ReduceMean', inputs: ['x'], outputs: ['mean'] },
      { op: 'Sub', inputs: ['x', 'mean'], outputs: ['y'] },
    ],
  })
}

function constantProto({ name, shape, data }: Constant): Buffer {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const dimensions = shape.map((size) => number(1, size))
  return Buffer.concat([...dimensions, number(2, ELEMENT_TYPES.FP32), text(8, name), message(9, bytes)])
}

function portProto({ name, datatype, shape }: Port): Buffer {
  const dimensions = shape.map((size) =>
    message(1, typeof size === 'number' ? number(1, size) : text(2, size)),
  )
  const tensor = message(1, number(1, ELEMENT_TYPES[datatype]), message(2, ...dimensions))
  return Buffer.concat([text(1, name), message(2, tensor)])
}

function message(field: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content])
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value))
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128)
  return Buffer.from([...bytes, value])
}
