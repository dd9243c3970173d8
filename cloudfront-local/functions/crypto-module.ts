/** The `crypto` module of the functions' runtime: hashes and HMACs of three algorithms, nothing else of Node's. */
import { createHash, createHmac } from 'node:crypto'
import type { BinaryToTextEncoding } from 'node:crypto'

// What a Hash and an Hmac of Node have in common.
type Hashing = {
  update: (data: string) => unknown
  digest: ((encoding: BinaryToTextEncoding) => string) & (() => Buffer)
}
type Digest = { update: (data: string) => Digest; digest: (encoding?: string) => string | Buffer }

const ALGORITHMS = new Set(['md5', 'sha1', 'sha256'])
const ENCODINGS = new Set(['hex', 'base64', 'base64url'])

function known(algorithm: string): string {
  if (!ALGORITHMS.has(algorithm)) throw new Error(`unsupported algorithm: "${algorithm}"`)
  return algorithm
}

function digestOf(hash: Hashing): Digest {
  const digest: Digest = {
    update: (data) => {
      hash.update(data)
      return digest
    },
    digest: (encoding) => {
      if (encoding === undefined) return hash.digest()
      if (!ENCODINGS.has(encoding)) throw new Error(`unknown digest encoding: "${encoding}"`)
      return hash.digest(encoding as BinaryToTextEncoding)
    },
  }
  return digest
}

export const cryptoModule = {
  createHash: (algorithm: string): Digest => digestOf(createHash(known(algorithm))),
  createHmac: (algorithm: string, key: string): Digest => digestOf(createHmac(known(algorithm), key)),
}
