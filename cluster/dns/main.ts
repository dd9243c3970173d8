/** `node cluster/dns/main.ts ADDRESS PKI_DIR`: the node's own DNS, run by its init beside the other components. */
import { connect } from '../api.ts'
import { DNS_USER } from '../certificates.ts'
import { serveDns } from './serve.ts'
import { servicesOf } from './services.ts'

// What the node's processes are looked through for; Node's own name for its main thread says nothing.
process.title = DNS_USER

const [address = '', pki = ''] = process.argv.slice(2)
const api = await connect('127.0.0.1', pki, DNS_USER)
await serveDns({ address, port: 53 }, servicesOf(api))
console.log(`answers at ${address}`)
