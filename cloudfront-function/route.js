import cf from 'cloudfront'
import crypto from 'crypto'

// The key of the KeyValueStore that this function follows: spec.traffic.cloudFrontKeyValueStore.key of the release.
const KEY = 'housing'

// Tells logs and the origin which origin was chosen. A viewer cannot forge it.
const HINT = 'x-modelrelease-origin'

// Sends a request to the origin that the key names. Whatever goes wrong, the request goes on unchanged to the behavior's own
// TargetOriginId: a function that throws would be an error for every user.
// Written in the part of the language that the runtime cloudfront-js-2.0 documents: no destructuring, no `?.`, no Promise.all,
// no await in arguments. All of it being in one try does not help code that the runtime does not compile.
async function handler(event) {
  const request = event.request
  try {
    delete request.headers[HINT]
    // Bound first: the runtime refuses await within the arguments of a call, and answers 503 to everybody.
    const text = await cf.kvs().get(KEY)
    const value = JSON.parse(text)
    if (value.v !== 1) throw new Error('version ' + value.v + ' of the value is not known')
    if (!isName(value.live)) throw new Error('the value names no origin')
    const origin = isInCanary(value.canary, event) ? value.canary.origin : value.live
    if (!isName(origin)) throw new Error('the canary names no origin')
    cf.selectRequestOriginById(origin)
    request.headers[HINT] = { value: origin }
  } catch (error) {
    console.log('modelrelease: key "' + KEY + '" was not followed: ' + error)
  }
  return request
}

function isName(text) {
  return typeof text === 'string' && text !== ''
}

// A client has one place from 0 to 9999 for as long as the salt stays, so whoever is in at 10 % is in at 50 % too.
function isInCanary(canary, event) {
  if (!canary || !(canary.weight > 0)) return false
  const text = canary.salt + '/' + clientOf(canary.header, event)
  const hash = crypto.createHash('sha256').update(text).digest('hex')
  return parseInt(hash.slice(0, 8), 16) % 10000 < canary.weight * 100
}

function clientOf(header, event) {
  const sent = header ? event.request.headers[header] : undefined
  return sent && sent.value ? sent.value : event.viewer.ip
}
