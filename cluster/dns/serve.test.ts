import { createSocket, type Socket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { serveDns } from './serve.ts'
import { servicesOf } from './services.ts'

let socket: Socket
let resolver: Resolver
let asked: string[]
let answer: unknown

beforeEach(async () => {
  asked = []
  answer = { items: [{ spec: { clusterIP: '10.0.64.9' } }] }
  const api = {
    read: (path: string): Promise<unknown> => {
      asked.push(path)
      return Promise.resolve(answer)
    },
  }
  socket = await serveDns({ address: '127.0.0.1', port: 0 }, servicesOf(api))
  resolver = new Resolver({ timeout: 30_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${socket.address().port}`])
})

afterEach(() => {
  socket.close()
})

const code = (question: Promise<unknown>): Promise<unknown> =>
  question.catch((error: unknown) => (error as NodeJS.ErrnoException).code)

describe('a resolver', () => {
  test('gets the address that the API server has', async () => {
    expect(await resolver.resolve4('blue.models.svc.cluster.local')).toEqual(['10.0.64.9'])
    expect(asked).toEqual(['/api/v1/namespaces/models/services?fieldSelector=metadata.name%3Dblue'])
  })

  test.each([
    ['that is not there', { items: [] }, 'ENOTFOUND'],
    ['without an address of its own', { items: [{ spec: { clusterIP: 'None' } }] }, 'ENOTFOUND'],
    ['that is only a name for another', { items: [{ spec: {} }] }, 'ENOTFOUND'],
    ['while the API server does not answer', undefined, 'ESERVFAIL'],
    ['that nobody may see', { kind: 'Status', status: 'Failure' }, 'ESERVFAIL'],
  ])('is told of a Service %s', async (_, found, expected) => {
    answer = found
    expect(await code(resolver.resolve4('blue.models.svc.cluster.local'))).toBe(expected)
  })

  test('is answered after somebody sent what is no DNS', async () => {
    const other = createSocket('udp4')
    other.send('nonsense', socket.address().port, '127.0.0.1')
    await once(socket, 'message')
    other.close()
    expect(await resolver.resolve4('blue.models.svc.cluster.local')).toEqual(['10.0.64.9'])
  })
})
