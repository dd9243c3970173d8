import { createServer } from 'node:http'
import { hostname } from 'node:os'

createServer((_, response) => response.end(hostname())).listen(8080, () => console.log('echo listens'))
process.on('SIGTERM', () => process.exit(0))
