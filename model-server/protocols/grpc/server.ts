/** The Open Inference Protocol V2 over gRPC. Only imported where GRPC_PORT asks for it. */
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import type { ServerUnaryCall, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { ServerContext } from '../../http/server-context.ts'
import { INLINE_BYTES } from '../../decoding/decode-pool.ts'
import { Call } from '../../execution/call.ts'
import { servedModel } from '../../http/inference-route.ts'
import { RequestError } from '../../http/request-error.ts'
import type { ErrorCode, RefusalStatus } from '../../http/error-codes.ts'
import type { ModelSlot } from '../../models/model-slot.ts'
import { modelNotReadyBecause, notReadyBecause } from '../../models/readiness.ts'
import { FINISH_MS } from '../../http/drain.ts'
import { takePlace } from '../../models/served-model.ts'
import { RequestContext } from '../../operations/request-context.ts'
import { encodeMetadata } from '../v2-codec.ts'
import { EXTENSIONS, SERVER_NAME } from '../v2-routes.ts'
import { holdStreams } from './hold-streams.ts'
import { decodeMessage, headOf } from './message-bytes.ts'
import { encodeModelInfer } from './messages.ts'
import type { ModelInferResponse } from './messages.ts'
import { readServices } from './services.ts'

/** What the requests of all methods that name a model have in common. */
type OfModel = { name: string; version: string }

const CODES: Record<RefusalStatus, status> = {
  400: status.INVALID_ARGUMENT,
  401: status.UNAUTHENTICATED,
  403: status.PERMISSION_DENIED,
  404: status.NOT_FOUND,
  405: status.UNIMPLEMENTED,
  409: status.ABORTED,
  413: status.RESOURCE_EXHAUSTED,
  415: status.INVALID_ARGUMENT,
  422: status.INVALID_ARGUMENT,
  501: status.UNIMPLEMENTED,
  503: status.UNAVAILABLE,
  504: status.DEADLINE_EXCEEDED,
}

/** Of one connection; more wait at the client. */
const MAX_STREAMS = 1_024

/** A server that listens. */
export type GrpcServer = {
  port: number
  /** After `delayMs` take no new calls, and end when those that are here have ended. */
  close: (delayMs: number) => Promise<void>
}

/**
 * Serve, on all addresses.
 * @param port 0 takes a free one
 */
export async function startGrpc(port: number, parts: ServerContext): Promise<GrpcServer> {
  const { maxBodyBytes } = parts.config
  const server = new Server({
    'grpc.max_receive_message_length': maxBodyBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': MAX_STREAMS,
  })
  const services = readServices()
  server.addService(services.inference, inferenceOf(parts))
  server.addService(services.health, healthOf(parts))
  holdStreams(parts.bodies, { maxBodyBytes, refusal: CODES[503] })
  return { port: await bind(server, port), close: (delayMs) => wait(delayMs).then(() => close(server)) }
}

/** IPv6 with IPv4 in it where the machine has both, as Node does for HTTP. */
async function bind(server: Server, port: number): Promise<number> {
  const bindTo = (address: string): Promise<number> =>
    new Promise((resolve, reject) => {
      server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error)
        else resolve(bound)
      })
    })
  return bindTo('[::]').catch(() => bindTo('0.0.0.0'))
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const force = setTimeout(() => server.forceShutdown(), FINISH_MS)
    server.tryShutdown(() => {
      clearTimeout(force)
      resolve()
    })
  })
}

function inferenceOf(parts: ServerContext): UntypedServiceImplementation {
  const { repository, drain, serverVersion } = parts
  const slotOf = ({ name, version }: OfModel): ModelSlot =>
    repository.find(name === '' ? undefined : name, version === '' ? undefined : version)

  return {
    ServerLive: answering(parts, () => ({ live: true })),
    ServerReady: answering(parts, () => ({
      ready: notReadyBecause(repository, drain.draining) === undefined,
    })),
    // A model that is not there is not ready, as for Triton: its clients ask while they wait for it.
    ModelReady: answering(parts, ({ name, version }: OfModel) => ({
      ready:
        repository.has(name === '' ? undefined : name, version === '' ? undefined : version) &&
        modelNotReadyBecause(slotOf({ name, version }).state, drain.draining) === undefined,
    })),
    ServerMetadata: describing(parts, () => ({
      name: SERVER_NAME,
      version: serverVersion,
      // Bytes are part of the protocol here, and no extension.
      extensions: EXTENSIONS.filter((name) => name !== 'binary_tensor_data'),
    })),
    ModelMetadata: describing(parts, (request: OfModel) => {
      const slot = slotOf(request)
      return encodeMetadata(servedModel(slot), repository.loadedVersions(slot.name))
    }),
    ModelInfer: answering(parts, (message: Buffer, call) =>
      infer(message, call, slotOf(headOf(message)), parts),
    ),
  }
}

async function infer(
  message: Buffer,
  grpcCall: ServerUnaryCall<unknown, unknown>,
  slot: ModelSlot,
  { config, accessLog, decoding }: ServerContext,
): Promise<ModelInferResponse> {
  const started = performance.now()
  const call = new Call(started + config.requestTimeoutMs)
  const context = beginContext(grpcCall)
  context.asked = { protocol: 'grpc', model: slot.config, call }
  // A Date or a number of milliseconds since 1970; Infinity where the client waits for ever.
  call.expireBy(started + Number(grpcCall.getDeadline()) - Date.now())
  grpcCall.on('cancelled', () => (call.abandoned = true))
  let code = 500
  try {
    const model = servedModel(slot)
    takePlace(model)
    try {
      const isSmall = headOf(message).parsedBytes <= INLINE_BYTES
      const asked = isSmall
        ? decodeMessage(message, model)
        : await decoding.inThread({ form: 'grpc', body: message, model, call })
      if (asked.timeoutMs !== undefined) call.expireBy(started + asked.timeoutMs)
      const outputs = await model.infer(asked.inputs, asked.outputs, call)
      code = 200
      return encodeModelInfer(model, asked.id ?? '', outputs, asked.isRaw)
    } finally {
      model.admission.leave()
    }
  } catch (error) {
    if (error instanceof RequestError) code = error.status
    throw error
  } finally {
    // The codes of HTTP, so that one can ask for the failures of all protocols at once.
    if (grpcCall.cancelled) code = 499
    if (code === 504) slot.metrics.rejected('deadline')
    slot.metrics.answered('grpc', code, (performance.now() - started) / 1000)
    accessLog.write(context, { ...UNKNOWN_SIZES, method: 'POST', path: grpcCall.getPath(), status: code })
  }
}

/** What gRPC does not tell. */
const UNKNOWN_SIZES = { requestBytes: undefined, responseBytes: undefined }

/** As for HTTP: metadata are its headers. */
function beginContext(grpcCall: ServerUnaryCall<unknown, unknown>): RequestContext {
  const context = new RequestContext(grpcCall.metadata.getMap() as IncomingHttpHeaders)
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(context.answerHeaders)) metadata.set(name, value)
  grpcCall.sendMetadata(metadata)
  return context
}

function healthOf(parts: ServerContext): UntypedServiceImplementation {
  const { repository, drain } = parts
  return {
    Check: answering(parts, ({ service }: { service: string }) => {
      // A service that was implemented here is healthy if the server is; a model may be asked for by its name too.
      const reason =
        service === '' || service === 'inference.GRPCInferenceService'
          ? notReadyBecause(repository, drain.draining)
          : modelNotReadyBecause(repository.find(service).state, drain.draining)
      return { status: reason === undefined ? 'SERVING' : 'NOT_SERVING' }
    }),
  }
}

/** A method that tells about the models, where that is not switched off. */
function describing<Request, Response>(
  parts: ServerContext,
  answer: (request: Request) => Response,
): ReturnType<typeof answering<Request, Response>> {
  return answering(parts, (request: Request) => {
    if (parts.config.publicMetadata) return answer(request)
    throw new RequestError(404, 'metadata are switched off (PUBLIC_METADATA)', { code: 'path_not_found' })
  })
}

/** A method: what it returns is the answer, what it throws is a status. */
function answering<Request, Response>(
  { log }: ServerContext,
  answer: (request: Request, call: ServerUnaryCall<unknown, unknown>) => Response | Promise<Response>,
): (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void {
  return (call, callback) => {
    // In a promise also where nothing waits, so that there is one place for what is thrown.
    void Promise.resolve()
      .then(() => answer(call.request, call as ServerUnaryCall<unknown, unknown>))
      .then(
        (response) => callback(null, response),
        (error: unknown) => {
          if (error instanceof RequestError) {
            callback({ code: CODES[error.status], details: error.message, metadata: codeIn(error.code) })
            return
          }
          log.warn({ err: error, method: call.getPath() }, 'Request failed')
          const details = 'the model failed on this request; the log of the server says why'
          callback({ code: status.INTERNAL, details, metadata: codeIn('model_failed') })
        },
      )
  }
}

function codeIn(code: ErrorCode): Metadata {
  const metadata = new Metadata()
  metadata.set('x-error-code', code)
  return metadata
}
