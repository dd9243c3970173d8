import { mkdir } from 'node:fs/promises'
import type { Express, Request, Response } from 'express'
import type { ServerContext } from '../http/server-context.ts'
import { deadlinePassed } from '../execution/call.ts'
import type { Call } from '../execution/call.ts'
import type { HandlerSlot } from '../handlers/handler-slot.ts'
import type { Description, Task } from '../handlers/messages.ts'
import type { Upload } from '../handlers/upload-folder.ts'
import type { HeldBytes } from '../http/body-budget.ts'
import { checkContentLength, readBody } from '../http/body.ts'
import { methodNotAllowed } from '../http/error-answer.ts'
import { beginCall, requireJson, servedModel } from '../http/inference-route.ts'
import { Place } from '../http/place.ts'
import { sendJsonBytes } from '../http/send-json.ts'
import { whenEnded } from '../http/when-ended.ts'
import type { ServedModel } from '../models/served-model.ts'
import { checkFormHeaders, receiveForm } from './run-form.ts'

/** Where a body is read to, and under which limits. */
type Reading = {
  description: Description
  upload: Upload | undefined
  limits: Limits
  held: HeldBytes
  call: Call
  left: AbortSignal
}

/** Who counts what waits for the handler, and on whose account. */
type HandlerHost = { admission: HandlerSlot; metrics: ServedModel['metrics'] }

type Limits = { maxBodyBytes: number; maxFileBytes: number }

/** `POST /run`, where a handler works before and after the model. Only where there is one. */
export function addRunRoute(app: Express, parts: ServerContext): void {
  const { handler, config } = parts
  if (!handler) return
  const limits = { maxBodyBytes: config.maxBodyBytes, maxFileBytes: handler.config.maxUploadBytes }
  app
    .route('/run')
    .post((request, response) => run(request, response, { parts, handler, limits }))
    .all(methodNotAllowed('POST'))
}

/** What can be refused without the body is refused before it is read, in the order of the other routes. */
async function run(
  request: Request,
  response: Response,
  { parts, handler, limits }: { parts: ServerContext; handler: HandlerSlot; limits: Limits },
): Promise<void> {
  const started = performance.now()
  const slot = parts.repository.find(handler.modelName)
  const call = beginCall(response, { slot, protocol: 'run', started, config: parts.config })
  const left = new AbortController()
  response.once('close', () => left.abort(new Error('the client left')))

  const loaded = handler.loaded
  const { description, uploads } = loaded
  response.setHeader('x-handler-digest', `sha256:${loaded.sha256}`)
  const found = servedModel(slot)
  checkHeaders(request, description, limits)
  const places = takePlaces(handler, found)
  const upload = uploads?.newUpload()
  const held = parts.bodies.hold()
  whenEnded(response, () => held.release())
  // The handler may be at it for longer than somebody waits for its answer.
  const settled = (): void => {
    places.ofHandler.leave()
    places.ofModel.leave()
    void upload?.remove()
  }
  const reading = { description, upload, limits, held, call, left: left.signal }
  const work = await places.ofModel
    .keepWhile(
      places.ofHandler.keepWhile(readWork(request, reading), () => places.ofHandler.host),
      () => servedModel(parts.repository.find(handler.modelName)),
    )
    .catch((error: unknown) => {
      settled()
      throw error
    })
  const job = { model: places.ofModel.host, work, call, left: left.signal, settled }
  sendJsonBytes(response, await handler.perform(loaded, job))
}

/** @throws RequestError 415, 413 */
function checkHeaders(request: Request, description: Description, limits: Limits): void {
  if (description.accepts === 'multipart/form-data') {
    checkFormHeaders(request, { ...description, maxFileBytes: limits.maxFileBytes })
    return
  }
  requireJson(request)
  checkContentLength(request, limits.maxBodyBytes)
}

/** Places in both queues, which are lost to an upload that takes its time. @throws RequestError 503 */
function takePlaces(
  handler: HandlerSlot,
  model: ServedModel,
): { ofHandler: Place<HandlerHost>; ofModel: Place<ServedModel> } {
  const ofHandler = new Place({ admission: handler, metrics: model.metrics })
  try {
    return { ofHandler, ofModel: new Place(model) }
  } catch (error) {
    ofHandler.leave()
    throw error
  }
}

async function readWork(request: Request, reading: Reading): Promise<Task['work']> {
  const { description, upload, limits, held, call, left } = reading
  if (description.accepts !== 'multipart/form-data' || upload === undefined) {
    // A copy: a body that came in one piece shares its storage with others, and all of that would go along.
    return { type: 'Json', body: new Uint8Array(await readBody(request, limits.maxBodyBytes, { held })) }
  }
  await mkdir(upload.folder, { mode: 0o700 })
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(deadlinePassed()), call.deadlineMs - performance.now())
  try {
    const { fileField, textFields } = description
    const signal = AbortSignal.any([left, late.signal])
    const form = await receiveForm(request, { fileField, textFields, upload, held, signal, ...limits })
    return { type: 'Form', form }
  } finally {
    clearTimeout(timer)
  }
}
