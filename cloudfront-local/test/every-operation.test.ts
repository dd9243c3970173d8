/** Every operation of CloudFront's model, called rightly and wrongly: none may be forgotten. */
import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { elementOf } from '../control-plane/from-json.ts'
import { child, contentOf, parseXml, renderXml } from '../control-plane/xml.ts'
import { OPERATIONS } from '../model/cloudfront.ts'
import { needsIfMatch, payloadOf } from '../model/model.ts'
import { calls, start } from './running.ts'
import type { Value } from '../control-plane/from-json.ts'
import type { XmlElement } from '../control-plane/xml.ts'
import type { Running } from './running.ts'

let local: Running | undefined

type Told = { status: number; etag: string; body: string }
type Sent = {
  parts?: readonly string[]
  ifMatch?: string | undefined
  body?: string | undefined
  query?: string
}

function urlOf(path: string, parts: readonly string[], query: string): string {
  const [bare = '', own = ''] = path.split('?')
  let at = 0
  const filled = bare.replaceAll(/\{\w+\}/g, () => encodeURIComponent(parts[at++] ?? 'unknown'))
  return `${local?.apiUrl ?? ''}${filled}?${own}&${query}`
}

async function call(operation: string, { parts = [], ifMatch, body, query = '' }: Sent): Promise<Told> {
  const { method = '', path = '' } = OPERATIONS[operation] ?? {}
  const answer = await fetch(urlOf(path, parts, query), {
    method,
    ...(body === undefined ? {} : { body }),
    headers: ifMatch === undefined ? {} : { 'if-match': ifMatch },
  })
  return { status: answer.status, etag: answer.headers.get('etag') ?? '', body: await answer.text() }
}

function codeOf(body: string): string | undefined {
  return /<Code>(\w+)<\/Code>/.exec(body)?.[1]
}

const PASS = 'function handler(event) { return event.request }'
const STORE = { keyValueStores: [{ name: 'models' }], functions: [{ name: 'switch', code: PASS }] }
const DISTRIBUTION = {
  id: 'E1HOUSINGLOCAL',
  origins: [{ id: 'blue', domainName: 'blue.example' }],
  behaviors: [{ pathPattern: '*', targetOriginId: 'blue' }],
}

beforeEach(async () => {
  local = await start({ seed: { distributions: [DISTRIBUTION], ...STORE } })
})

async function isHere(operation: string): Promise<boolean> {
  return codeOf((await call(operation, {})).body) !== 'NotImplemented'
}

async function namesHere(): Promise<string[]> {
  const names: string[] = []
  for (const name of Object.keys(OPERATIONS)) if (await isHere(name)) names.push(name)
  return names
}

test('is done, or says that it is not here; the README lists which', async () => {
  const here = await namesHere()
  const missing = Object.keys(OPERATIONS).filter((name) => !here.includes(name))
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [, listedHere = '', listedMissing = ''] =
    /<!-- here -->(.*?)<!-- not here -->(.*?)<!-- end -->/s.exec(readme) ?? []
  const words = (text: string): string[] =>
    [...(text.match(/\w+/g) ?? [])].filter((word) => word in OPERATIONS).sort()
  expect(words(listedHere)).toEqual(here.toSorted())
  expect(words(listedMissing)).toEqual(missing.toSorted())
  const [first = ''] = missing
  expect((await call(first, {})).body).toContain(`${first} is not implemented here`)
})

const EXISTING: Readonly<Record<string, string>> = {
  distribution: DISTRIBUTION.id,
  function: 'switch',
  'key-value-store': 'models',
  'cache-policy': '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
}

/** Every combination of what may be wrong: the resource, the body, the version. */
function mistakesOf(operation: string): Sent[] {
  const { path = '', input } = OPERATIONS[operation] ?? {}
  const root = payloadOf(input)?.root
  const bodies =
    root === undefined
      ? [undefined]
      : [undefined, '<a', '<Wrong/>', `<${root}/>`, `<${root}><Novel/></${root}>`]
  const versions = needsIfMatch(operation) ? [undefined, 'x', 'E0000000000000'] : [undefined]
  const known = EXISTING[path.split('/')[2] ?? '']
  const places = known === undefined ? [[]] : [[], [known, 'unknown']]
  return places.flatMap((parts) =>
    bodies.flatMap((body) =>
      versions.map((ifMatch) => ({ parts, body, ifMatch, query: 'MaxItems=0&Type=x' })),
    ),
  )
}

test('called wrongly, it answers a code that it declares', async () => {
  for (const operation of await namesHere()) {
    for (const mistake of mistakesOf(operation)) {
      const { status, body } = await call(operation, mistake)
      expect([operation, status < 500 || body]).toEqual([operation, true])
    }
  }
  // What each of them said was compared with the model on the way; see start().
  const made = local === undefined ? [] : calls(local)
  expect(made.length).toBeGreaterThan(300)
})

/** What a user would write to make one, and what creation wraps it in. */
type Resource = {
  name: string
  config: Value
  wrapped?: string
  shape?: string
  getConfig?: string
  get?: string
}

const KEY = '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----'
const NOTHING = {
  HeadersConfig: { HeaderBehavior: 'none' },
  CookiesConfig: { CookieBehavior: 'none' },
  QueryStringsConfig: { QueryStringBehavior: 'none' },
}
const RESOURCES: readonly Resource[] = [
  {
    name: 'Distribution',
    config: {
      CallerReference: 'r1',
      Comment: 'c',
      Enabled: true,
      Origins: [
        {
          Id: 'o',
          DomainName: 'example.com',
          CustomOriginConfig: { HTTPPort: 80, HTTPSPort: 443, OriginProtocolPolicy: 'http-only' },
        },
      ],
      DefaultCacheBehavior: {
        TargetOriginId: 'o',
        ViewerProtocolPolicy: 'redirect-to-https',
        CachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad',
      },
    },
  },
  {
    name: 'CachePolicy',
    config: {
      Name: 'mine',
      MinTTL: 5,
      ParametersInCacheKeyAndForwardedToOrigin: { EnableAcceptEncodingGzip: true, ...NOTHING },
    },
  },
  { name: 'OriginRequestPolicy', config: { Name: 'mine', ...NOTHING } },
  {
    name: 'ResponseHeadersPolicy',
    config: { Name: 'mine', SecurityHeadersConfig: { ContentTypeOptions: { Override: true } } },
  },
  {
    name: 'OriginAccessControl',
    config: {
      Name: 'mine',
      SigningProtocol: 'sigv4',
      SigningBehavior: 'always',
      OriginAccessControlOriginType: 's3',
    },
  },
  { name: 'PublicKey', config: { CallerReference: 'r', Name: 'mine', EncodedKey: KEY } },
  { name: 'KeyGroup', config: { Name: 'mine', Items: [] } },
  {
    name: 'VpcOrigin',
    config: {
      Name: 'mine',
      Arn: 'arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/1',
      HTTPPort: 80,
      HTTPSPort: 443,
      OriginProtocolPolicy: 'http-only',
    },
    shape: 'VpcOriginEndpointConfig',
    wrapped: 'CreateVpcOriginRequest',
  },
]

function idIn(body: string): string {
  return contentOf(child(parseXml(body), 'Id') ?? parseXml('<none/>'))
}

/** The configuration in what Get answers, as it would be sent back. */
function configIn(body: string, root: string): string {
  const answer = parseXml(body)
  const config: XmlElement | undefined = answer.name === root ? answer : child(answer, root)
  return renderXml({ ...(config ?? answer), attributes: {} })
}

describe('create, get, update unchanged, get:', () => {
  test.each(RESOURCES)('$name', async ({ name, config, wrapped, shape = `${name}Config` }) => {
    const wanted = elementOf(shape, shape, config)
    const body = renderXml(wrapped === undefined ? wanted : { ...wanted, name: wrapped, children: [wanted] })
    const made = await call(`Create${name}`, { body })
    expect([made.status, made.body]).toEqual([OPERATIONS[`Create${name}`]?.status, made.body])
    const parts = [idIn(made.body)]
    const operation = `Get${name}Config` in OPERATIONS ? `Get${name}Config` : `Get${name}`
    const got = await call(operation, { parts })
    const before = configIn(got.body, shape)
    const updated = await call(`Update${name}`, { parts, body: before, ifMatch: got.etag })
    expect([updated.status, updated.body]).toEqual([OPERATIONS[`Update${name}`]?.status, updated.body])
    expect(updated.etag).not.toBe('')
    const again = await call(operation, { parts })
    expect(configIn(again.body, shape)).toBe(before)
    expect(again.etag).toBe(updated.etag)
  })

  // Elsewhere: what a function or a store is made of is not what Get gives, and a policy needs a staging distribution.
  const ELSEWHERE = ['UpdateFunction', 'UpdateKeyValueStore', 'UpdateContinuousDeploymentPolicy']
  const OTHERS = ['UpdateDistributionWithStagingConfig', ...ELSEWHERE]

  test('nothing that can be updated is left out', async () => {
    const updates = (await namesHere()).filter((name) => name.startsWith('Update') && !OTHERS.includes(name))
    expect(updates.toSorted()).toEqual(RESOURCES.map(({ name }) => `Update${name}`).toSorted())
  })
})
