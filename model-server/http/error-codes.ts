/** Why a request was not answered, in words for programs. They never change their meaning; docs/model-server/errors.md is made of this. */
export const ERROR_CODES = {
  invalid_request: { status: 400, means: 'JSON, shape, datatype, names or number of elements are wrong' },
  unauthenticated: { status: 401, means: 'the repository API wants its token' },
  forbidden: { status: 403, means: 'another token, or a place from which no model may be loaded' },
  model_not_found: { status: 404, means: 'no such model or version' },
  path_not_found: { status: 404, means: 'no such path, or one that is switched off' },
  method_not_allowed: { status: 405, means: 'another method; `Allow` has the right one' },
  superseded: { status: 409, means: 'another load or unload of the same version came meanwhile' },
  too_large: { status: 413, means: 'the body is larger than it may be, or would become so' },
  unsupported_type: { status: 415, means: 'the content type or encoding cannot be read' },
  rejected: { status: 422, means: 'the handler, or the model that was to be loaded, says no' },
  model_failed: { status: 500, means: 'the model failed on this request; the log has its words' },
  not_supported: { status: 501, means: 'this model takes no such request' },
  not_ready: { status: 503, means: 'no model yet, or none any more; `Retry-After` says when to ask again' },
  queue_full: { status: 503, means: 'the model, or the handler, has all the requests that it may have' },
  no_room: {
    status: 503,
    means: 'the bodies of all requests, or their files, take all the room that there is',
  },
  interrupted: { status: 503, means: 'what ran the model on this request died and is being replaced' },
  deadline_passed: { status: 504, means: 'the deadline of the request passed first' },
} as const satisfies Record<string, { status: number; means: string }>

export type ErrorCode = keyof typeof ERROR_CODES

/** The statuses with which a request is refused because of what it asks or because of the server's state. */
export type RefusalStatus = Exclude<(typeof ERROR_CODES)[ErrorCode]['status'], 500>

/** The code of a refusal that says nothing closer: the first with its status. */
export function codeOf(status: number): ErrorCode {
  const all = Object.keys(ERROR_CODES) as ErrorCode[]
  return all.find((code) => ERROR_CODES[code].status === status) ?? 'invalid_request'
}

/** docs/model-server/errors.md. */
export function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { status, means }]) => `| \`${code}\` | ${status} | ${means} |`,
  )
  return `# Errors of the model server

<!-- Generated from model-server/http/error-codes.ts by \`npm run generate\`; do not edit. -->

A request that is not answered gets \`{"error": message, "code": code}\`; over \`/invocations\` \`{"error_code", "message", "code"}\`, of
which the first is MLflow's; over gRPC a status whose trailer \`x-error-code\` is the code. The message is for people, and says what was
expected and what came: it may change. The code does not. What Node refuses before it is a request (a header beyond all measure,
a length that is no number) has a status and no body.

| Code | Status | Meaning |
| --- | --- | --- |
${rows.join('\n')}
`
}
