import { deadlinePassed } from './call.ts'
import type { Executor, RunObserver, Runner, Tensors } from './executor.ts'

/** Each call is one run, on the event loop. */
export function inlineExecutor(runner: Runner, ran: RunObserver): Executor {
  return {
    infer: async (inputs, outputs, call) => {
      const started = performance.now()
      if (call.isPointless(started)) throw deadlinePassed()
      const results = await runner.run(inputs, outputs)
      ran(rowsOf(inputs), (performance.now() - started) / 1000)
      return results
    },
    close: () => runner.close(),
  }
}

/** The size of the first dimension of the first input; 1 where there is none. */
export function rowsOf(inputs: Tensors): number {
  const [first] = inputs.values()
  return first?.shape[0] ?? 1
}
