/** A dashboard that knows nothing of releases: a page at /, a probe at /healthz, and decent manners on SIGTERM. */
import { createServer } from 'node:http'

const version = process.env.VERSION ?? '1'
const port = Number(process.env.PORT ?? 8080)
const page = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>Dashboard</title></head>
  <body><h1>Dashboard</h1><p>version <b id="version">${version.replaceAll(/[^\w.-]/g, '')}</b></p></body>
</html>
`

let leaving = false
const server = createServer((request, response) => {
  // What is answered from now on shall be the last thing on its connection.
  if (leaving) response.setHeader('connection', 'close')
  const [path] = request.url.split('?')
  if (path === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
  else if (path === '/healthz') response.end('ok\n')
  else response.writeHead(404).end('not found\n')
})
// Longer than a load balancer keeps an idle connection, so that it is not this server that closes first.
server.keepAliveTimeout = 75_000
server.listen(port)

process.on('SIGTERM', () => {
  leaving = true
  // Whoever routes to this pod needs a moment to notice that it leaves.
  setTimeout(() => server.close(), 5_000)
})
