/** What node:http alone can do on this machine: reads the body, parses nothing. `node http-hello.mjs PORT` */
import { createServer } from 'node:http'

const BODY = '{"prediction":[26.928011]}'
const HEADERS = { 'content-type': 'application/json', 'content-length': BODY.length }

createServer((request, response) => {
  request.resume()
  response.writeHead(200, HEADERS).end(BODY)
}).listen(Number(process.argv[2]), '127.0.0.1')
