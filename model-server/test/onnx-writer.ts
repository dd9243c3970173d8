/** Writes small ONNX models for tests, so that these need neither Python nor binary files. The numbers are those of onnx.proto3. */

import { writeField, writeNumber } from '../onnx/protobuf.ts'

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
  BF16: 16,
} as const

/** One end of a graph; a dimension given as a string is symbolic. */
export type Port = { name: string; datatype: keyof typeof ELEMENT_TYPES; shape: readonly (number | string)[] }

/** One end of a graph whose type is no tensor: a TypeProto. */
type TypedPort = { name: string; type: Buffer }

/** A node of the default operator set, or of that of a domain. */
export type Node = {
  op: string
  inputs: readonly string[]
  outputs: readonly string[]
  domain?: string
  /** AttributeProtos. */
  attributes?: readonly Buffer[]
}

/** FP32 values that are part of the model. */
export type Constant = { name: string; shape: readonly number[]; data: Float32Array }

/** A model as bytes. */
export function writeModel(graph: {
  inputs: readonly Port[]
  outputs: readonly (Port | TypedPort)[]
  nodes: readonly Node[]
  constants?: readonly Constant[]
  metadata?: Readonly<Record<string, string>>
}): Buffer {
  const graphProto = Buffer.concat([
    ...graph.nodes.map((node) =>
      writeField(
        1,
        Buffer.concat([
          ...node.inputs.map((name) => writeField(1, name)),
          ...node.outputs.map((name) => writeField(2, name)),
          writeField(4, node.op),
          ...(node.attributes ?? []).map((attribute) => writeField(5, attribute)),
          writeField(7, node.domain ?? ''),
        ]),
      ),
    ),
    writeField(2, 'test'),
    ...(graph.constants ?? []).map((constant) => writeField(5, constantProto(constant))),
    ...graph.inputs.map((port) => writeField(11, portProto(port))),
    ...graph.outputs.map((port) => writeField(12, portProto(port))),
  ])
  return Buffer.concat([
    writeNumber(1, 8),
    writeField(7, graphProto),
    writeField(8, Buffer.concat([writeField(1, ''), writeNumber(2, 17)])),
    writeField(8, Buffer.concat([writeField(1, 'ai.onnx.ml'), writeNumber(2, 3)])),
    ...Object.entries(graph.metadata ?? {}).map(([key, value]) =>
      writeField(14, Buffer.concat([writeField(1, key), writeField(2, value)])),
    ),
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

/** Attention in miniature: a number that takes as long as x is wide, squared; some 60 ns for each pair. */
export function squaring(): Buffer {
  const sines = Array.from({ length: 8 }, (_, index) => `s${index}`)
  return writeModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 'width'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1] }],
    nodes: [
      { op: 'Transpose', inputs: ['x'], outputs: ['t'] },
      { op: 'MatMul', inputs: ['t', 'x'], outputs: ['s0'] },
      ...sines.slice(1).map((name, index) => ({ op: 'Sin', inputs: [`s${index}`], outputs: [name] })),
      { op: 'ReduceSum', inputs: ['s7'], outputs: ['y'] },
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

/** A classifier of the rows of x as skl2onnx ends one: labels beside a map from each class to its probability. */
export function zipMapModel(labels: readonly number[] | readonly string[]): Buffer {
  const areTexts = typeof labels[0] === 'string'
  const attribute = areTexts ? 'classlabels_strings' : 'classlabels_int64s'
  // A ValueInfoProto of a sequence (4) of maps (5) from INT64 (7) or text (8) to tensors of FP32.
  const tensor = writeField(1, writeNumber(1, ELEMENT_TYPES.FP32))
  const map = Buffer.concat([writeNumber(1, areTexts ? 8 : 7), writeField(2, tensor)])
  const maps = writeField(4, writeField(1, writeField(5, map)))
  return writeModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['N', labels.length] }],
    outputs: [
      { name: 'label', datatype: 'FP32', shape: ['N', labels.length] },
      { name: 'output_probability', type: maps },
    ],
    nodes: [
      { op: 'Identity', inputs: ['x'], outputs: ['label'] },
      { op: 'Softmax', inputs: ['x'], outputs: ['probabilities'] },
      {
        op: 'ZipMap',
        domain: 'ai.onnx.ml',
        inputs: ['probabilities'],
        outputs: ['output_probability'],
        attributes: [labelsAttribute(attribute, labels)],
      },
    ],
  })
}

/** The texts of `text` in lower case, as the pipelines of scikit-learn begin. */
export function lowering(): Buffer {
  const ends = [
    { name: 'text', datatype: 'BYTES', shape: ['N'] },
    { name: 'lower', datatype: 'BYTES', shape: ['N'] },
  ] as const
  // AttributeProto: 4 is a text, 20 says so with 3.
  const attribute = Buffer.concat([
    writeField(1, 'case_change_action'),
    writeField(4, 'LOWER'),
    writeNumber(20, 3),
  ])
  return writeModel({
    inputs: [ends[0]],
    outputs: [ends[1]],
    nodes: [{ op: 'StringNormalizer', inputs: ['text'], outputs: ['lower'], attributes: [attribute] }],
  })
}

/** A sequence with x in it, which no binding can fetch, beside the outputs `more`, each x. */
export function sequenceModel(more: readonly string[]): Buffer {
  const tensor = writeField(1, writeNumber(1, ELEMENT_TYPES.FP32))
  const x: Port = { name: 'x', datatype: 'FP32', shape: ['N', 2] }
  return writeModel({
    inputs: [x],
    outputs: [
      { name: 'sequence', type: writeField(4, writeField(1, tensor)) },
      ...more.map((name) => ({ ...x, name })),
    ],
    nodes: [
      { op: 'SequenceConstruct', inputs: ['x'], outputs: ['sequence'] },
      ...more.map((name) => ({ op: 'Identity', inputs: ['x'], outputs: [name] })),
    ],
  })
}

// AttributeProto: 1 is the name, 8 are integers, 9 texts, 20 says which of them.
function labelsAttribute(name: string, labels: readonly (number | string)[]): Buffer {
  return Buffer.concat([
    writeField(1, name),
    ...labels.map((label) => (typeof label === 'string' ? writeField(9, label) : writeNumber(8, label))),
    writeNumber(20, typeof labels[0] === 'string' ? 8 : 7),
  ])
}

function constantProto({ name, shape, data }: Constant): Buffer {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const dimensions = shape.map((size) => writeNumber(1, size))
  return Buffer.concat([
    ...dimensions,
    writeNumber(2, ELEMENT_TYPES.FP32),
    writeField(8, name),
    writeField(9, bytes),
  ])
}

function portProto(port: Port | TypedPort): Buffer {
  return Buffer.concat([
    writeField(1, port.name),
    writeField(2, 'type' in port ? port.type : tensorType(port)),
  ])
}

function tensorType({ datatype, shape }: Port): Buffer {
  const dimensions = shape.map((size) =>
    writeField(1, typeof size === 'number' ? writeNumber(1, size) : writeField(2, size)),
  )
  return writeField(
    1,
    Buffer.concat([writeNumber(1, ELEMENT_TYPES[datatype]), writeField(2, Buffer.concat(dimensions))]),
  )
}
