import type { RequestHandler } from 'express'

/**
 * Takes a prefix off the path, where there is one: a CDN that sends `/housing/*` here forwards all of that path. Requests without
 * it are served too, because probes and neighbors in the cluster do not come through the CDN. Compared to a router mounted at the
 * prefix this costs one comparison for each request instead of a second round of matching.
 * @param basePath `/a/b`, without a slash at its end
 */
export function stripBasePath(basePath: string): RequestHandler {
  return (request, _response, next) => {
    const { url } = request
    if (url.startsWith(basePath)) {
      const rest = url.slice(basePath.length)
      // `/housing` and `/housing?x` are its root; `/housings` is somewhere else.
      if (rest.startsWith('/')) request.url = rest
      else if (rest === '' || rest.startsWith('?')) request.url = `/${rest}`
    }
    next()
  }
}
