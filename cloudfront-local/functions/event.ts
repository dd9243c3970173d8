/** What a viewer-request function is given and may give back: the event structure of CloudFront Functions, version 1.0. */

export type EventValue = { value: string; multiValue?: { value: string }[] }
export type EventValues = Record<string, EventValue>

export type EventRequest = {
  method: string
  /** The path as the viewer sent it, without the query. */
  uri: string
  querystring: EventValues
  /** Names in lower case; cookies are not among them. */
  headers: EventValues
  cookies: EventValues
}

export type EventResponse = {
  statusCode: number
  statusDescription?: string
  headers?: EventValues
  cookies?: Record<string, EventValue & { attributes?: string }>
  body?: string | { encoding: 'text' | 'base64'; data: string }
}

export type ViewerRequestEvent = {
  version: '1.0'
  context: {
    distributionDomainName: string
    distributionId: string
    eventType: 'viewer-request'
    requestId: string
  }
  viewer: { ip: string }
  request: EventRequest
}

/** The members of `cf.updateRequestOrigin` that an edge here can follow; what is left out is the behavior's own. */
export type OriginUpdate = {
  domainName?: string
  hostHeader?: string
  originPath?: string
  customHeaders?: Record<string, string>
  connectionAttempts?: number
  timeouts?: { readTimeout?: number; connectionTimeout?: number; keepAliveTimeout?: number }
  customOriginConfig?: { port?: number; protocol?: string }
}

/** Where a function sends its request. */
export type OriginChoice = { type: 'ById'; originId: string } | { type: 'Update'; update: OriginUpdate }

/** How a run ended. Error: it threw, did not finish, or gave nothing usable; `message` says which. */
export type Outcome = { logs: readonly string[] } & (
  | { type: 'Request'; request: EventRequest; origin?: OriginChoice }
  | { type: 'Response'; response: EventResponse }
  | { type: 'Error'; message: string }
)

/** A function as it runs; `store` is the ARN of the KeyValueStore that it is associated with. */
export type FunctionCode = { arn: string; number: number; code: string; runtime: string; store?: string }

/** A KeyValueStore as one edge knows it. Times are ISO 8601. */
export type StoreSnapshot = {
  arn: string
  number: number
  items: Readonly<Record<string, string>>
  created: string
  modified: string
}

/** To the thread that runs functions. */
export type ToWorker =
  | { type: 'Function'; function: FunctionCode }
  | { type: 'Store'; store: StoreSnapshot }
  | { type: 'Run'; run: number; arn: string; event: unknown; originIds?: readonly string[] }

/** From that thread. */
export type FromWorker = { run: number; outcome: Outcome }
