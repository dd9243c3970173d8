/** The services of the protocol, from their files. */
import type { ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { fileURLToPath } from 'node:url'
import type { ModelInferRequest } from './messages.ts'

/** What is served, and how what is asked of a model is read. */
export type Services = {
  inference: ServiceDefinition
  health: ServiceDefinition
  readModelInfer: (message: Buffer) => ModelInferRequest
}

/** Messages of ModelInfer come as bytes, so that whoever knows the model and the size decides where they are read. */
export function readServices(): Services {
  const files = ['inference', 'health'].map((name) =>
    fileURLToPath(new URL(`./${name}.proto`, import.meta.url)),
  )
  const definition = loadSync(files, {
    keepCase: true,
    longs: String,
    defaults: true,
    oneofs: true,
    enums: String,
  })
  const inference = definition['inference.GRPCInferenceService'] as ServiceDefinition
  const { ModelInfer: infer } = inference
  if (!infer) throw new Error('inference.proto has no ModelInfer')
  return {
    inference: { ...inference, ModelInfer: { ...infer, requestDeserialize: (message: Buffer) => message } },
    health: definition['grpc.health.v1.Health'] as ServiceDefinition,
    readModelInfer: infer.requestDeserialize as Services['readModelInfer'],
  }
}
