import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { AllowedTarget } from '../../planner/checks/allow-list.ts'
import { housing } from '../../test/fakes/simulated-world.ts'
import { releaseOf } from '../../test/fakes/worlds.ts'
import { distributionXml } from './cloudfront/distribution.testdata.ts'
import { createCloudFrontPointer } from './cloudfront/pointer.ts'

const ROLE = { arn: 'arn:aws:iam::123456789012:role/modelrelease', externalId: 'abc-1' }
const TARGET: AllowedTarget = { namespaces: ['models'], distributionId: 'E123EXAMPLE', role: ROLE }

/** What STS and CloudFront were asked: the parameters of an AssumeRole, or the key and token that a call was signed with. */
let asked: string[]
/** The next answer of STS. */
let sts: () => { status: number; body: string }
let endpoint: string
let close: () => void

beforeEach(async () => {
  asked = []
  sts = () => ({ status: 200, body: credentialsXml(3_600_000) })
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      if (request.method === 'POST') {
        asked.push(body)
        const { status, body: answer } = sts()
        return response.writeHead(status, { 'content-type': 'text/xml' }).end(answer)
      }
      const key = /Credential=([^/]+)/.exec(request.headers.authorization ?? '')?.[1]
      asked.push(`${key ?? ''} ${String(request.headers['x-amz-security-token'])}`)
      return response.writeHead(200, { etag: 'E1' }).end(distributionXml())
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  close = () => {
    server.close()
    server.closeAllConnections()
  }
})
afterEach(() => {
  close()
})

function credentialsXml(livesMs: number): string {
  const expiration = new Date(Date.now() + livesMs).toISOString()
  return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></AssumeRoleResponse>`
}

function refusal(code: string): string {
  return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error><RequestId>r</RequestId></ErrorResponse>`
}

function pointer(allowList: AllowedTarget[]): ReturnType<typeof createCloudFrontPointer> {
  const own = { accessKeyId: 'OWN', secretAccessKey: 'own' }
  return createCloudFrontPointer({
    region: 'us-east-1',
    mayWrite: () => undefined,
    client: { endpoint, credentials: own },
    sts: { endpoint, credentials: own },
    allowList,
  })
}

describe('a target with a role', () => {
  test('is read as that role, which is taken on once with its external id', async () => {
    const one = pointer([TARGET])
    await one.read(releaseOf(housing(1)), 'Live')
    await one.read(releaseOf(housing(1)), 'Live')
    expect(asked).toEqual([
      expect.stringMatching(/Action=AssumeRole.*ExternalId=abc-1|ExternalId=abc-1.*Action=AssumeRole/),
      'ASSUMED token',
      'ASSUMED token',
    ])
    expect(new URLSearchParams(asked[0]).get('RoleArn')).toBe(ROLE.arn)
  })

  test('takes it on again before it expires', async () => {
    sts = () => ({ status: 200, body: credentialsXml(60_000) })
    const one = pointer([TARGET])
    await one.read(releaseOf(housing(1)), 'Live')
    await one.read(releaseOf(housing(1)), 'Live')
    // How early and how often is the SDK's own affair.
    expect(asked.filter((call) => call.includes('AssumeRole')).length).toBeGreaterThan(1)
    expect(asked.filter((call) => call === 'ASSUMED token')).toHaveLength(2)
  })

  test('whose role may not be taken on says what to grant', async () => {
    sts = () => ({ status: 403, body: refusal('AccessDenied') })
    expect(await pointer([TARGET]).read(releaseOf(housing(1)))).toEqual({
      type: 'Unusable',
      reason: 'AccessDenied',
      message: expect.stringContaining(`sts:AssumeRole on ${ROLE.arn}`) as unknown,
    })
  })

  test('is unreachable while STS is', async () => {
    sts = () => ({ status: 503, body: refusal('ServiceUnavailable') })
    expect(await pointer([TARGET]).read(releaseOf(housing(1)))).toMatchObject({
      type: 'Unreachable',
      message: expect.stringContaining('AssumeRole') as unknown,
    })
  })
})

test('targets with one role and two external ids are read with the credentials of each', async () => {
  const second = { ...TARGET, distributionId: 'E456EXAMPLE', role: { ...ROLE, externalId: 'abc-2' } }
  const one = pointer([TARGET, second])
  const other = structuredClone(housing(1))
  const settings = other.traffic.cloudFrontDistribution
  if (settings) settings.distributionId = second.distributionId
  await one.read(releaseOf(housing(1)), 'Live')
  await one.read(releaseOf(other), 'Live')
  const taken = asked.filter((call) => call.includes('AssumeRole')).map((call) => new URLSearchParams(call))
  expect(taken.map((call) => call.get('ExternalId'))).toEqual(['abc-1', 'abc-2'])
})

test('a target without a role is read as the operator itself', async () => {
  await pointer([{ namespaces: ['*'], distributionId: 'E123EXAMPLE' }]).read(releaseOf(housing(1)))
  expect(asked).toEqual(['OWN undefined'])
})

test('what is not allowed is neither read nor written', async () => {
  const one = pointer([{ ...TARGET, namespaces: ['web'] }])
  expect(await one.read(releaseOf(housing(1)))).toMatchObject({ type: 'Unusable', reason: 'NotAllowed' })
  const move = { type: 'MovePointer', to: 'green', names: 'g', token: 'E1', targetPort: 80 } as const
  await expect(one.move(releaseOf(housing(1)), move)).rejects.toMatchObject({ reason: 'NotAllowed' })
  expect(asked).toEqual([])
})
