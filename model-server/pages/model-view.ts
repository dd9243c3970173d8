/** What pages and documents say of a version of a model, read at the moment in which somebody asks. */
import type { ServerContext } from '../http/server-context.ts'
import type { ModelSlot } from '../models/model-slot.ts'
import { modelNotReadyBecause } from '../models/readiness.ts'
import type { Signature } from '../tensor/tensor.ts'
import { exampleRequests } from './example-requests.ts'
import type { ExampleRequest } from './example-requests.ts'

/** One version. What is known only of a loaded model is undefined until it is loaded. */
export type ModelView = {
  name: string
  version: string
  /** Answers where the path names the model alone. */
  isPreferred: boolean
  /** Answers where the path names no model. */
  isDefault: boolean
  notReadyBecause: string | undefined
  loaded: LoadedView | undefined
}

/** `columns` are those of a model that takes frames. */
export type LoadedView = {
  sha256: string
  signature: Signature
  columns: readonly string[] | undefined
  /** Empty where the inputs are too large to be shown. */
  examples: readonly ExampleRequest[]
}

/** All versions that can be asked for, in the order of the configuration. */
export function viewModels({ repository, drain, config: { showSample } }: ServerContext): ModelView[] {
  const there = repository.slots.filter(
    ({ state }) => state.type !== 'Unloading' && state.type !== 'Unloaded',
  )
  const [first] = there
  return there.map((slot) => {
    const { name, version, state } = slot
    const isPreferred = repository.find(name) === slot
    const isDefault = isPreferred && name === first?.name
    const notReadyBecause = modelNotReadyBecause(state, drain.draining)
    return {
      name,
      version,
      isPreferred,
      isDefault,
      notReadyBecause,
      loaded: viewLoaded(slot, { isPreferred, isDefault, showSample }),
    }
  })
}

function viewLoaded(
  { name, version, state, config }: ModelSlot,
  { isPreferred, isDefault, showSample }: Record<'isPreferred' | 'isDefault' | 'showSample', boolean>,
): LoadedView | undefined {
  if (state.type !== 'Loaded') return undefined
  const { sha256, signature, frame } = state.model
  const columns = typeof frame === 'string' ? undefined : frame.columns
  const path = isPreferred ? name : `${name}/versions/${version}`
  const sample = config.warmUp.find(({ question }) => showSample && question.type !== 'Shapes')?.question
  const examples = exampleRequests({ name: path, signature, frame }, { isDefault, sample })
  return { sha256, signature, columns, examples }
}
