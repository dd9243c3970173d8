import { describe, expect, test } from '@jest/globals'
import { decode, encode, type DecodedPacket, type Packet } from 'dns-packet'
import { answerTo, serviceOf, type FindService, type Found } from './answer.ts'

const NAME = 'housing-blue.models.svc.cluster.local'
const HIGHEST_OPCODE_BIT = 1 << 14

const query = (packet: Packet): DecodedPacket =>
  decode(encode({ type: 'query', id: 7, flags: 0x100, ...packet }))
const asking = (name: string, type: 'A' | 'AAAA' = 'A'): DecodedPacket =>
  query({ questions: [{ name, type }] })
const always =
  (found: Found): FindService =>
  () =>
    Promise.resolve(found)
const known = always({ type: 'Address', address: '10.0.64.9' })

/** The answer as a resolver reads it. */
async function read(
  packet: DecodedPacket,
  find: FindService,
): Promise<(DecodedPacket & { rcode: string }) | undefined> {
  const answer = await answerTo(packet, find)
  return answer && (decode(encode(answer)) as DecodedPacket & { rcode: string })
}

describe('the name of a Service', () => {
  test.each([
    [NAME, { service: 'housing-blue', namespace: 'models' }],
    ['Housing-Blue.Models.SVC.cluster.local.', { service: 'housing-blue', namespace: 'models' }],
    ['models.svc.cluster.local', undefined],
    ['a.housing-blue.models.svc.cluster.local', undefined],
    ['housing-blue.models.svc.cluster.local.example.com', undefined],
    ['housing-blue.models.svcxcluster.local', undefined],
    ['../x.models.svc.cluster.local', undefined],
    ['example.com', undefined],
  ])('%s', (name, service) => {
    expect(serviceOf(name)).toEqual(service)
  })
})

describe('the answer', () => {
  test('to a Service is its address, under the name and number of the question', async () => {
    expect(await read(asking('Housing-Blue.models.svc.cluster.local'), known)).toMatchObject({
      id: 7,
      type: 'response',
      rcode: 'NOERROR',
      flag_aa: true,
      flag_rd: true,
      flag_ra: false,
      questions: [{ name: 'Housing-Blue.models.svc.cluster.local', type: 'A' }],
      answers: [{ name: 'Housing-Blue.models.svc.cluster.local', type: 'A', data: '10.0.64.9' }],
    })
  })

  test('about IPv6 does not deny the name, which a resolver would believe for IPv4 too', async () => {
    expect(await read(asking(NAME, 'AAAA'), known)).toMatchObject({ rcode: 'NOERROR', answers: [] })
  })

  test.each<[string, DecodedPacket, FindService, string]>([
    ['nobody has', asking(NAME), always({ type: 'None' }), 'NXDOMAIN'],
    [
      'is no Service’s',
      asking('example.com'),
      () => Promise.reject(new Error('nobody is to be asked')),
      'NXDOMAIN',
    ],
    ['cannot be looked up', asking(NAME), always({ type: 'Failed' }), 'SERVFAIL'],
    ['is missing', query({}), known, 'FORMERR'],
    [
      'comes with another',
      query({ questions: [1, 2].map(() => ({ name: NAME, type: 'A' })) }),
      known,
      'FORMERR',
    ],
    ['is to be updated', query({ flags: HIGHEST_OPCODE_BIT | 0x800 }), known, 'NOTIMP'],
  ])('to a name that %s has no record', async (_, packet, find, rcode) => {
    expect(await read(packet, find)).toMatchObject({ id: 7, rcode, answers: [] })
  })

  test('to an answer is none: two servers would talk for ever', async () => {
    const packet = decode(encode({ type: 'response', id: 7, questions: [{ name: NAME, type: 'A' }] }))
    expect(await answerTo(packet, known)).toBeUndefined()
  })
})
