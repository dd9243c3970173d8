/**
 * The `metadata_props` of an ONNX file. onnxruntime-node does not expose them (1.30), so they are read from the bytes:
 * ModelProto is field 14 (repeated StringStringEntryProto { 1 key, 2 value }) of a plain protobuf message.
 */
import { fieldsOf } from './protobuf.ts'

const METADATA_PROPS = 14
const KEY = 1
const VALUE = 2

/** Key and value pairs; empty where the bytes are not protobuf. It never throws: whether they are a model is for the runtime to say. */
export function readMetadata(bytes: Uint8Array): Map<string, string> {
  const metadata = new Map<string, string>()
  for (const field of fieldsOf(bytes)) {
    if (field.number !== METADATA_PROPS) continue
    const entry = new Map<number, string>()
    for (const part of fieldsOf(field.content)) entry.set(part.number, new TextDecoder().decode(part.content))
    metadata.set(entry.get(KEY) ?? '', entry.get(VALUE) ?? '')
  }
  return metadata
}
