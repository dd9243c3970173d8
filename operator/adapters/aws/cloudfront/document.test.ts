import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { pointBehaviors, readDistribution } from './document.ts'
import { configXml, distributionXml, NAMESPACE } from './distribution.testdata.ts'
import { escapeXml, scanXml, textOf, UnsafeXmlError } from './xml-ranges.ts'

const ORIGIN = {
  kind: 'Custom',
  path: '',
  protocol: 'http-only',
  httpPort: 80,
  httpsPort: 443,
  headers: [{ name: 'x-origin-secret', value: 's3cret' }],
}
const BEHAVIOR = {
  methods: ['HEAD', 'DELETE', 'POST', 'GET', 'OPTIONS', 'PUT', 'PATCH'],
  caching: { policyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad' },
  forwardedHeaders: [],
}
const member = (id: string): string => `<OriginGroupMember><OriginId>${id}</OriginId></OriginGroupMember>`
const GROUP = `<OriginGroups><Quantity>1</Quantity><Items><OriginGroup><Id>either</Id><Members><Quantity>2</Quantity><Items>${member('housing-blue')}${member('housing-green')}</Items></Members></OriginGroup></Items></OriginGroups>`
const ERROR_PAGE =
  '<CustomErrorResponses><Quantity>2</Quantity><Items><CustomErrorResponse><ErrorCode>502</ErrorCode><ErrorCachingMinTTL>300</ErrorCachingMinTTL></CustomErrorResponse><CustomErrorResponse><ErrorCode>404</ErrorCode></CustomErrorResponse></Items></CustomErrorResponses>'

describe('a distribution', () => {
  test('is read', () => {
    expect(readDistribution(distributionXml())).toEqual({
      enabled: true,
      staging: false,
      status: 'Deployed',
      origins: [
        { ...ORIGIN, id: 'housing-blue', domainName: 'housing-blue.models.example.com', timeoutSeconds: 30 },
        {
          ...ORIGIN,
          id: 'housing-green',
          domainName: 'housing-green.models.example.com',
          timeoutSeconds: 40,
        },
        { ...ORIGIN, id: 'ui', domainName: 'ui.models.example.com', timeoutSeconds: 50 },
      ],
      groups: [],
      behaviors: [
        { ...BEHAVIOR, pathPattern: '*', target: 'housing-blue' },
        { ...BEHAVIOR, pathPattern: '/v2/*', target: 'housing-blue' },
        { ...BEHAVIOR, pathPattern: '/ui/a&b', target: 'ui' },
      ],
      errorCaching: [],
      viewerRequestFunctions: new Map(),
    })
  })

  test('has the functions that its behaviors run for every request of a viewer', () => {
    const association = (type: string): string =>
      `<FunctionAssociation><FunctionARN>arn:${type}</FunctionARN><EventType>${type}</EventType></FunctionAssociation>`
    const both = association('viewer-response') + association('viewer-request')
    const one = association('viewer-response')
    const none = '<FunctionAssociations><Quantity>0</Quantity></FunctionAssociations>'
    const some = (items: string): string =>
      `<FunctionAssociations><Quantity>1</Quantity><Items>${items}</Items></FunctionAssociations>`
    const xml = distributionXml().replace(none, some(one)).replace(none, some(both))
    expect([...readDistribution(xml).viewerRequestFunctions]).toEqual([['/v2/*', 'arn:viewer-request']])
  })

  test('has origins of every kind, groups, other times to live and error pages', () => {
    const xml = distributionXml({ origins: ['a'] })
      .replace(
        '<CachePolicyId>4135ea2d-6df8-44a3-9df3-4b5a84be39ad</CachePolicyId>',
        '<ForwardedValues><Headers><Quantity>1</Quantity><Items><Name>Host</Name></Items></Headers></ForwardedValues><MinTTL>0</MinTTL><MaxTTL>60</MaxTTL>',
      )
      .replace('<OriginGroups><Quantity>0</Quantity></OriginGroups>', GROUP)
      .replace('<CustomErrorResponses><Quantity>0</Quantity></CustomErrorResponses>', ERROR_PAGE)
      .replace('<HTTPSPort>443<', '<HTTPSPort>8443<')
      .replace('<OriginPath></OriginPath>', '<OriginPath>/api</OriginPath>')
      .replace('http-only', 'https-only')
    expect(readDistribution(xml)).toMatchObject({
      origins: [{ kind: 'Custom', path: '/api', protocol: 'https-only', httpsPort: 8443 }],
      groups: [{ id: 'either', members: ['housing-blue', 'housing-green'] }],
      behaviors: [{ caching: { longestSeconds: 60 }, forwardedHeaders: ['Host'] }, {}, {}],
      errorCaching: [{ status: 502, seconds: 300 }],
    })
    const kind = (settings: string): string | undefined =>
      readDistribution(xml.replaceAll('CustomOriginConfig>', settings)).origins[0]?.kind
    expect([kind('VpcOriginConfig>'), kind('S3OriginConfig>')]).toEqual(['Vpc', 'S3'])
  })

  test('is read without behaviors of its own, disabled, staging and in progress', () => {
    const xml = distributionXml({ behaviors: {}, enabled: 'false', staging: 'true', status: 'InProgress' })
    expect(readDistribution(xml)).toMatchObject({
      enabled: false,
      staging: true,
      status: 'InProgress',
      behaviors: [{ pathPattern: '*' }],
    })
  })

  test('is told the ordered behavior * from the default one by where it stands', () => {
    const xml = distributionXml({ target: 'a', behaviors: { '/a': 'b', '*': 'c' } })
    const targetsIn = (text: string): unknown =>
      readDistribution(text).behaviors.map(({ pathPattern, target }) => [pathPattern, target])
    expect(targetsIn(xml)).toEqual([
      ['*', 'a'],
      ['/a', 'b'],
      ['* (ordered)', 'c'],
    ])
    const config = pointBehaviors(xml, to('housing-green', '/a', '*'))
    expect([...config.matchAll(/<TargetOriginId>([^<]*)/g)].map(([, name]) => name)).toEqual([
      'housing-green',
      'housing-green',
      'c',
      'not a target',
    ])
  })

  test('has the time that its slowest answer may take', () => {
    const read = (xml: string): unknown =>
      readDistribution(xml).origins.map(({ timeoutSeconds }) => timeoutSeconds)
    const xml = distributionXml({ origins: ['a'] })
    const timeout = '<OriginReadTimeout>30</OriginReadTimeout>'
    expect(read(xml.replace(timeout, '<OriginReadTimeout>120</OriginReadTimeout>'))).toEqual([120])
    expect(read(xml.replace(timeout, ''))).toEqual([30])
    expect(
      read(
        xml
          .replaceAll('CustomOriginConfig>', 'VpcOriginConfig>')
          .replace(timeout, '<OriginReadTimeout>7</OriginReadTimeout>'),
      ),
    ).toEqual([7])
    expect(
      read(
        xml.replace(
          '<ConnectionAttempts>',
          '<ResponseCompletionTimeout>90</ResponseCompletionTimeout><ConnectionAttempts>',
        ),
      ),
    ).toEqual([90])
  })

  test.each([
    ['an empty answer', '', 'not exactly one root'],
    ['a page of a proxy', '<html><body>down</body></html>', 'the root is <html>'],
    [
      'another document',
      `<DistributionConfig>${configXml()}</DistributionConfig>`,
      'the root is <DistributionConfig>',
    ],
    ['a document type', `<!DOCTYPE Distribution [<!ENTITY x "y">]>${distributionXml()}`, 'unreadable markup'],
    ['an answer that was cut off', distributionXml().slice(0, -15), 'is not closed'],
    ['crossed elements', distributionXml().replace('</Origins>', '</Origin>'), 'closes'],
    [
      'two configurations',
      distributionXml().replace(
        '<DistributionConfig>',
        '<DistributionConfig></DistributionConfig><DistributionConfig>',
      ),
      'several <DistributionConfig>',
    ],
    [
      'two targets',
      distributionXml().replace('<TargetOriginId>', '<TargetOriginId>x</TargetOriginId><TargetOriginId>'),
      'several <TargetOriginId>',
    ],
    [
      'no target',
      distributionXml().replace('<TargetOriginId>housing-blue</TargetOriginId>', ''),
      'has no <TargetOriginId>',
    ],
    [
      'a comment in a target',
      distributionXml().replace('<TargetOriginId>', '<TargetOriginId><!-- x -->'),
      'holds more than text',
    ],
    ['an unknown entity in a target', distributionXml({ target: '&nbsp;' }), 'unknown entity &nbsp;'],
    [
      'two behaviors of one path',
      distributionXml({ behaviors: { '/a': 'x', '/&#97;': 'y' } }),
      'two behaviors have the path pattern /a',
    ],
    ['text after the end', `${distributionXml()}x`, 'text outside'],
  ])('is refused: %s', (_, xml, message) => {
    expect(() => readDistribution(xml)).toThrow(UnsafeXmlError)
    expect(() => readDistribution(xml)).toThrow(message)
    expect(() => pointBehaviors(xml, to('housing-green', '*'))).toThrow(UnsafeXmlError)
  })
})

function to(originId: string, ...patterns: string[]): Map<string, string> {
  return new Map(patterns.map((pattern) => [pattern, originId]))
}

describe('an update', () => {
  const body = (inner: string): string =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<DistributionConfig xmlns="${NAMESPACE}">${inner}</DistributionConfig>`

  test('differs only in the targets of the named behaviors, byte for byte', () => {
    const parts = { behaviors: { '/v2/*': 'housing-blue', '/ui/*': 'ui' } }
    expect(pointBehaviors(distributionXml(parts), to('housing-green', '/v2/*'))).toBe(
      body(configXml({ behaviors: { ...parts.behaviors, '/v2/*': 'housing-green' } })),
    )
    expect(pointBehaviors(distributionXml(parts), to('housing-green', '*', '/v2/*'))).toBe(
      body(
        configXml({ target: 'housing-green', behaviors: { ...parts.behaviors, '/v2/*': 'housing-green' } }),
      ),
    )
  })

  test('takes the elements in any order', () => {
    const xml =
      '<Distribution><DistributionConfig><CacheBehaviors><Items><CacheBehavior><TargetOriginId>a</TargetOriginId><PathPattern>/x</PathPattern></CacheBehavior></Items></CacheBehaviors><DefaultCacheBehavior><TargetOriginId/></DefaultCacheBehavior></DistributionConfig></Distribution>'
    expect(() => pointBehaviors(xml, to('b', '*', '/x'))).toThrow('empty <TargetOriginId>')
    expect(
      pointBehaviors(
        xml.replace('<TargetOriginId/>', '<TargetOriginId>a</TargetOriginId>'),
        to('b', '*', '/x'),
      ),
    ).toContain(
      '<TargetOriginId>b</TargetOriginId><PathPattern>/x</PathPattern></CacheBehavior></Items></CacheBehaviors><DefaultCacheBehavior><TargetOriginId>b</TargetOriginId>',
    )
  })

  test('keeps the namespaces that the root declared, and those of its own', () => {
    const xml = distributionXml()
      .replace(`xmlns="${NAMESPACE}"`, `xmlns="${NAMESPACE}" xmlns:x='urn:x' xmlns:y="urn:y" other="1"`)
      .replace('<DistributionConfig>', '<DistributionConfig xmlns:y="urn:z" kept="2">')
    expect(pointBehaviors(xml, to('housing-blue', '*'))).toContain(
      `<DistributionConfig xmlns="${NAMESPACE}" xmlns:x='urn:x' xmlns:y="urn:z" kept="2">`,
    )
  })

  test('is refused when a behavior is not there', () => {
    expect(() => pointBehaviors(distributionXml(), to('x', '*', '/nowhere'))).toThrow('*, /nowhere')
  })

  test('reads as what was asked for, whatever the origin is called', () => {
    const char = fc.constantFrom('a', '&', '<', '>', '"', "'", ']', ';', 'ä', '$', '\u{1F600}')
    const name = fc.string({ unit: char, minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        name,
        name,
        fc.subarray(['*', '/v2/*', '/ui/a&b'], { minLength: 1 }),
        (from, name, patterns) => {
          const before = distributionXml({ target: escapeXml(from) })
          const after = pointBehaviors(before, to(name, ...patterns))
          const wrapped = `<Distribution><Status>Deployed</Status>${after.replace(/^<\?.*?\?>/, '')}</Distribution>`
          const old = readDistribution(before)
          expect(readDistribution(wrapped)).toEqual({
            ...old,
            behaviors: old.behaviors.map((behavior) =>
              patterns.includes(behavior.pathPattern) ? { ...behavior, target: name } : behavior,
            ),
          })
        },
      ),
    )
  })
})

test('text comes back from XML as it went in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const xml = `<a>${escapeXml(text)}</a>`
      expect(textOf(xml, scanXml(xml))).toBe(text)
    }),
  )
})
