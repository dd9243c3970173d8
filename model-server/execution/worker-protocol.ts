/** What a thread that runs a model and the thread that asks it say to each other. */
import type { Signature, Tensor } from '../tensor/tensor.ts'
import type { Run, Tensors } from './executor.ts'

/** What a worker is started with: the bytes that were hashed, which all of its kind share. */
export type WorkerStart = { bytes: SharedArrayBuffer }

/** One run; a worker gets the next after it answered. */
export type WorkerRequest = { inputs: Tensors; outputs: readonly string[] }

/** The first message is `Ready` or `Refused`, all others answer requests. */
export type WorkerAnswer =
  | { type: 'Ready'; signature: Signature }
  | { type: 'Refused'; message: string }
  | { type: 'Ran'; run: Run }
  | { type: 'Failed'; message: string }

/** Below this a copy costs less than handing over. */
const TRANSFER_BYTES = 65_536

/** The buffers to hand over, which the sender loses: those that are large, and nobody else's since the tensor fills them. */
export function largeBuffers(tensors: Tensors): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = []
  for (const { data } of tensors.values()) {
    if (Array.isArray(data) || data.byteLength < TRANSFER_BYTES) continue
    const { buffer } = data
    if (buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength && !buffers.includes(buffer)) {
      buffers.push(buffer)
    }
  }
  return buffers
}

/** The same tensors, large ones copied into storage that can be handed over: the sender may need its own again. */
export function withOwnBuffers(tensors: Tensors): Tensors {
  const own = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) {
    const { data } = tensor
    const isLarge = !Array.isArray(data) && data.byteLength >= TRANSFER_BYTES
    own.set(name, isLarge ? { ...tensor, data: data.slice() } : tensor)
  }
  return own
}
