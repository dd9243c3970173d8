/** What a thread that runs a model and the thread that asks it say to each other. */
import { isArrayBuffer } from 'node:util/types'
import type { Signature, Tensor } from '../tensor/tensor.ts'
import type { Run, Tensors } from './executor.ts'

/** What a worker is started with: the bytes that were hashed, which all of its kind share. */
export type WorkerStart = { bytes: SharedArrayBuffer }

/** One run; a worker gets the next after it answered. `Leave` ends the thread, after the run that it is at. */
export type WorkerRequest = { type: 'Run'; inputs: Tensors; outputs: readonly string[] } | { type: 'Leave' }

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
    if (isArrayBuffer(buffer) && fills(data) && !buffers.includes(buffer)) buffers.push(buffer)
  }
  return buffers
}

/**
 * The same tensors, copied into storage of their own where they are large, which can then be handed over, since the sender may
 * need its own again; and where they are a part of something, all of which would be copied with them.
 */
export function withOwnBuffers(tensors: Tensors): Tensors {
  const own = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) {
    const { data } = tensor
    const stays = Array.isArray(data) || (data.byteLength < TRANSFER_BYTES && fills(data))
    own.set(name, stays ? tensor : { ...tensor, data: data.slice() })
  }
  return own
}

function fills({ buffer, byteLength }: ArrayBufferView): boolean {
  return buffer.byteLength === byteLength
}
