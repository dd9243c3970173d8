import {
  createConfiguration,
  type Configuration,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  wrapHttpLibrary,
} from '@kubernetes/client-node'
import type { Access } from './access.ts'

/** A class of client-node that speaks to one group and version, such as `CoreV1Api`, over our own transport. */
export function apiClient<T>(access: Access, type: new (configuration: Configuration) => T): T {
  return new type(
    createConfiguration({
      // The transport knows the server's address and adds the credentials itself.
      baseServer: new ServerConfiguration(PLACEHOLDER, {}),
      authMethods: {},
      httpApi: wrapHttpLibrary({ send: (request) => send(access, request) }),
    }),
  )
}

// The generated code makes a URL of it before it hands it over.
const PLACEHOLDER = 'http://api-server.invalid'

async function send(access: Access, request: RequestContext): Promise<ResponseContext> {
  const body = request.getBody()
  if (body !== undefined && typeof body !== 'string') {
    throw new Error('only requests with a text body are supported; send anything else with Access.request')
  }
  const signal = request.getSignal()
  const answer = await access.request({
    method: request.getHttpMethod(),
    path: request.getUrl().slice(PLACEHOLDER.length),
    headers: request.getHeaders(),
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  })
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
  return new ResponseContext(answer.status, headers, {
    text: () => Promise.resolve(answer.body),
    binary: () => Promise.resolve(Buffer.from(answer.body)),
    stream: () => new Response(answer.body).body,
  })
}
