/** Requests that a model answers, made from what it says of itself: for its page and for its OpenAPI document. */
import type { WarmUpQuestion } from '../config/warm-up.ts'
import type { ServedModel } from '../models/served-model.ts'
import { elementCount, oneRow } from '../tensor/tensor.ts'
import type { Datatype, TensorSpec } from '../tensor/tensor.ts'

/** One request with a JSON body. */
export type ExampleRequest = {
  protocol: 'predict' | 'v2' | 'v1' | 'mlflow'
  /** What the protocol is called among people. */
  title: string
  /** Below the base path. */
  path: string
  body: unknown
}

/** With more elements an example is no help to a reader, and as JSON no help to the server. */
const MAX_ELEMENTS = 1_024

type Described = Pick<ServedModel, 'name' | 'signature' | 'frame'>

/**
 * One for each route that takes the model; none where its inputs are too large to be shown. The values are those of a sample
 * that the model has to answer anyway, or else zeros, which it answered when it was loaded.
 * @param isDefault whether the routes that name no model answer for it
 */
export function exampleRequests(
  { name, signature, frame }: Described,
  { isDefault, sample }: { isDefault: boolean; sample: WarmUpQuestion | undefined },
): ExampleRequest[] {
  const { inputs } = signature
  if (inputs.reduce((sum, { shape }) => sum + elementCount(oneRow(shape)), 0) > MAX_ELEMENTS) return []
  const examples: ExampleRequest[] = [
    {
      protocol: 'v2',
      title: 'Open Inference Protocol V2',
      path: `/v2/models/${name}/infer`,
      body: { inputs: sample?.type === 'Inputs' ? sample.inputs : inputs.map(v2Tensor) },
    },
    {
      protocol: 'v1',
      title: 'V1, as TensorFlow Serving',
      path: `/v1/models/${name}:predict`,
      body: v1Body(signature),
    },
  ]
  if (!isDefault) return examples
  examples.push({
    protocol: 'mlflow',
    title: 'MLflow',
    path: '/invocations',
    body: mlflowBody(inputs, frame),
  })
  if (typeof frame === 'string') return examples
  const zeros = Object.fromEntries(frame.columns.map((column) => [column, { 0: 0 }]))
  const body = sample?.type === 'Frame' ? sample.frame : zeros
  return [{ protocol: 'predict', title: 'A pandas frame', path: '/predict', body }, ...examples]
}

function v2Tensor({ name, datatype, shape }: TensorSpec): object {
  const concrete = oneRow(shape)
  const data = new Array<unknown>(elementCount(concrete)).fill(zeroOf(datatype))
  return { name, datatype, shape: concrete, data }
}

/** Rows only where all that goes in and comes out has them; the protocol's other form has no such condition. */
function v1Body({ inputs, outputs }: ServedModel['signature']): object {
  const hasRows = [...inputs, ...outputs].every(({ shape }) => shape[0] === -1)
  const [only, ...others] = inputs
  if (!hasRows || !only) return { inputs: byName(inputs, zerosOf) }
  if (others.length === 0) return { instances: [rowOf(only)] }
  return { instances: [byName(inputs, rowOf)] }
}

function mlflowBody(inputs: readonly TensorSpec[], frame: ServedModel['frame']): object {
  if (typeof frame === 'string') return { inputs: byName(inputs, zerosOf) }
  return { dataframe_split: { columns: frame.columns, data: [frame.columns.map(() => 0)] } }
}

function byName(inputs: readonly TensorSpec[], value: (input: TensorSpec) => unknown): object {
  return Object.fromEntries(inputs.map((input) => [input.name, value(input)]))
}

function rowOf({ datatype, shape }: TensorSpec): unknown {
  return nestedZeros(datatype, oneRow(shape).slice(1))
}

function zerosOf({ datatype, shape }: TensorSpec): unknown {
  return nestedZeros(datatype, oneRow(shape))
}

function nestedZeros(datatype: Datatype, [size, ...inner]: readonly number[]): unknown {
  if (size === undefined) return zeroOf(datatype)
  return Array.from({ length: size }, () => nestedZeros(datatype, inner))
}

function zeroOf(datatype: Datatype): unknown {
  if (datatype === 'BOOL') return false
  return datatype === 'BYTES' ? '' : 0
}
