/**
 * ZipMap, with which skl2onnx and onnxmltools end a classifier by default: it makes of a matrix of probabilities a map by class for
 * each row. onnxruntime-node cannot fetch maps (microsoft/onnxruntime#8007), and what is wanted is the matrix. So the output is
 * given the matrix instead, under the same name, and the labels of its columns are told.
 *
 * The bytes of everything else stay as they are, which is why this takes no library: a message is its fields, one after the
 * other, and two of them are put in the place of two others.
 */
import { FIELD, membersOf, textIn } from './graph.ts'
import { fieldsOf, mentions, writeField, writeNumber } from './protobuf.ts'
import type { Field } from './protobuf.ts'

/** The labels of the columns of each output that was a map. */
export type Classes = ReadonlyMap<string, readonly (string | number)[]>

const OPERATOR = 'ZipMap'
const FLOAT = 1

type ZipMap = { input: string; output: string; labels: (string | number)[] }

/** The model without its ZipMaps; the same bytes where it has none at its outputs. */
export function withoutZipMaps(model: Uint8Array): { bytes: Uint8Array; classes: Classes } {
  const unchanged = { bytes: model, classes: new Map<string, never[]>() }
  // Hardly a model has this word in it, and walking a large one takes a while.
  if (!mentions(model, OPERATOR)) return unchanged
  const [graph, another] = membersOf(model, FIELD.model.graph)
  if (!graph || another) return unchanged
  const zipMaps = zipMapsOf(graph.content)
  if (zipMaps.size === 0) return unchanged
  const head = model.subarray(0, graph.start)
  const tail = model.subarray(graph.end)
  return {
    bytes: Buffer.concat([head, writeField(FIELD.model.graph, rewritten(graph.content, zipMaps)), tail]),
    classes: new Map(Array.from(zipMaps.values(), ({ output, labels }) => [output, labels])),
  }
}

/** By the place of their nodes; those whose map goes out. No operator of ONNX takes it, so it goes nowhere else. */
function zipMapsOf(graph: Uint8Array): Map<number, ZipMap> {
  const outputs = new Set(
    membersOf(graph, FIELD.graph.output).map(({ content }) => textIn(content, FIELD.valueInfo.name)),
  )
  const found = new Map<number, ZipMap>()
  for (const { content: node, start } of membersOf(graph, FIELD.graph.node)) {
    if (textIn(node, FIELD.node.operator) !== OPERATOR) continue
    const [input, output] = [textIn(node, FIELD.node.input), textIn(node, FIELD.node.output)]
    if (outputs.has(output)) found.set(start, { input, output, labels: labelsOf(node) })
  }
  return found
}

function rewritten(graph: Uint8Array, zipMaps: ReadonlyMap<number, ZipMap>): Buffer {
  const columns = new Map(Array.from(zipMaps.values(), ({ output, labels }) => [output, labels.length]))
  const parts: Uint8Array[] = []
  for (const field of fieldsOf(graph))
    parts.push(replacementOf(field, zipMaps, columns) ?? fieldIn(graph, field))
  return Buffer.concat(parts)
}

function replacementOf(
  { number, content, start }: Field,
  zipMaps: ReadonlyMap<number, ZipMap>,
  columns: ReadonlyMap<string, number>,
): Buffer | undefined {
  if (number === FIELD.graph.node) {
    const zipMap = zipMaps.get(start)
    return zipMap && identityNode(zipMap)
  }
  if (number !== FIELD.graph.output) return undefined
  const name = textIn(content, FIELD.valueInfo.name)
  const width = columns.get(name)
  return width === undefined ? undefined : matrixOutput(name, width)
}

function fieldIn(message: Uint8Array, { start, end }: Field): Uint8Array {
  return message.subarray(start, end)
}

function identityNode({ input, output }: ZipMap): Buffer {
  const { node } = FIELD
  return writeField(
    FIELD.graph.node,
    Buffer.concat([
      writeField(node.input, input),
      writeField(node.output, output),
      writeField(node.operator, 'Identity'),
    ]),
  )
}

/** float [any, width]. */
function matrixOutput(name: string, width: number): Buffer {
  const dimensions = [writeField(2, 'rows'), writeNumber(1, width)].map((dimension) =>
    writeField(1, dimension),
  )
  const tensor = Buffer.concat([
    writeNumber(FIELD.tensor.element, FLOAT),
    writeField(FIELD.tensor.shape, Buffer.concat(dimensions)),
  ])
  const type = writeField(FIELD.type.tensor, tensor)
  return writeField(
    FIELD.graph.output,
    Buffer.concat([writeField(FIELD.valueInfo.name, name), writeField(FIELD.valueInfo.type, type)]),
  )
}

function labelsOf(node: Uint8Array): (string | number)[] {
  const labels: (string | number)[] = []
  for (const { content: attribute } of membersOf(node, FIELD.node.attribute)) {
    if (!textIn(attribute, FIELD.attribute.name).startsWith('classlabels_')) continue
    labels.push(...textsIn(attribute, FIELD.attribute.strings))
    for (const field of membersOf(attribute, FIELD.attribute.ints)) labels.push(...integersIn(field))
  }
  return labels
}

function textsIn(message: Uint8Array, number: number): string[] {
  return membersOf(message, number).map(({ content }) => new TextDecoder().decode(content))
}

/** One integer, or several packed. A varint of ten bytes is one below 0. */
function integersIn({ content, value }: Field): number[] {
  if (content.length === 0) return [signed(value)]
  const packed: number[] = []
  let scale = 1
  let sum = 0
  for (const byte of content) {
    sum += (byte & 127) * scale
    scale *= 128
    if (byte > 127) continue
    packed.push(signed(sum))
    sum = 0
    scale = 1
  }
  return packed
}

function signed(value: number): number {
  return value >= 2 ** 63 ? value - 2 ** 64 : value
}
