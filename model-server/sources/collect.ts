import { ModelRefused } from './fetched-model.ts'

/**
 * A stream in one buffer.
 * @throws ModelRefused as soon as it is larger than `maxBytes`
 */
export async function collect(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
  onChunk: () => void = () => undefined,
): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    onChunk()
    size += chunk.length
    if (size > maxBytes) throw new ModelRefused(`the model is larger than MODEL_MAX_BYTES (${maxBytes})`)
    parts.push(chunk)
  }
  return Buffer.concat(parts, size)
}
