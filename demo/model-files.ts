/**
 * Serves the files of one folder over HTTP, as a bucket of models would: `node demo/model-files.ts FOLDER ADDRESS`.
 * Writes its URL to stdout once it listens; the port is chosen by the system.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

const [folder = '.', address = '127.0.0.1'] = process.argv.slice(2)

const server = createServer((request, response) => {
  const name = /^\/([\w-][\w.-]*)$/.exec(request.url ?? '')?.[1]
  if (request.method !== 'GET' || name === undefined) {
    response.writeHead(404).end()
    return
  }
  readFile(join(folder, name)).then(
    (bytes) => response.end(bytes),
    () => response.writeHead(404).end(),
  )
})
server.listen(0, address, () => {
  process.stdout.write(`http://${address}:${(server.address() as AddressInfo).port}\n`)
})
process.once('SIGTERM', () => server.close(() => process.exit(0)))
