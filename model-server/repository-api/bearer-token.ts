import { createHash, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { RequestHandler } from 'express'
import { RequestError } from '../http/request-error.ts'

/** Lets only those pass who know the token in a file; the file is read each time, so that the token can be changed under way. */
export function requireToken(file: string): RequestHandler {
  return async (request, response, next) => {
    const given = /^Bearer +(?<token>\S+)$/i.exec(request.headers.authorization ?? '')?.groups?.token
    if (given === undefined) {
      response.setHeader('www-authenticate', 'Bearer')
      throw new RequestError(401, 'authorization: expected Bearer and the token of REPOSITORY_TOKEN_FILE')
    }
    if (!isSame(given, await readToken(file))) throw new RequestError(403, 'authorization: another token')
    next()
  }
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (cause) {
    throw new RequestError(503, 'the token of the server cannot be read', { cause })
  }
}

// Digests have one length, so that the time tells nothing about the token; an emptied file lets nobody in.
function isSame(given: string, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return token !== '' && timingSafeEqual(digest(given), digest(token))
}
