import type { Executor, Tensors } from '../execution/executor.ts'

/** Look at what every protocol asks of a model, on its way there. */
export function watchInputs(
  infer: Executor['infer'],
  look: ((inputs: Tensors) => void) | undefined,
): Executor['infer'] {
  return (inputs, outputs, call) => {
    const [first] = inputs.values()
    call.rows = first?.shape[0] ?? 1
    look?.(inputs)
    return infer(inputs, outputs, call)
  }
}
