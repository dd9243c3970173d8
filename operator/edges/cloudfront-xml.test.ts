import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { pointBehaviors, readDistribution } from './cloudfront-xml.ts'
import { configXml, distributionXml, NAMESPACE } from './distribution-xml.testdata.ts'
import { escapeXml, scanXml, textOf, UnsafeXmlError } from './xml-ranges.ts'

describe('a distribution', () => {
  test('is read', () => {
    expect(readDistribution(distributionXml())).toEqual({
      enabled: true,
      staging: false,
      status: 'Deployed',
      origins: [
        { id: 'housing-blue', timeoutSeconds: 30 },
        { id: 'housing-green', timeoutSeconds: 40 },
        { id: 'ui', timeoutSeconds: 50 },
      ],
      behaviors: [
        { pathPattern: '*', target: 'housing-blue' },
        { pathPattern: '/v2/*', target: 'housing-blue' },
        { pathPattern: '/ui/a&b', target: 'ui' },
      ],
    })
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
    [
      'a behavior that hides the default one',
      distributionXml({ behaviors: { '*': 'x' } }),
      'two behaviors have the path pattern *',
    ],
    ['text after the end', `${distributionXml()}x`, 'text outside'],
  ])('is refused: %s', (_, xml, message) => {
    expect(() => readDistribution(xml)).toThrow(UnsafeXmlError)
    expect(() => readDistribution(xml)).toThrow(message)
    expect(() => pointBehaviors(xml, ['*'], 'housing-green')).toThrow(UnsafeXmlError)
  })
})

describe('an update', () => {
  const body = (inner: string): string =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<DistributionConfig xmlns="${NAMESPACE}">${inner}</DistributionConfig>`

  test('differs only in the targets of the named behaviors, byte for byte', () => {
    const parts = { behaviors: { '/v2/*': 'housing-blue', '/ui/*': 'ui' } }
    expect(pointBehaviors(distributionXml(parts), ['/v2/*'], 'housing-green')).toBe(
      body(configXml({ behaviors: { ...parts.behaviors, '/v2/*': 'housing-green' } })),
    )
    expect(pointBehaviors(distributionXml(parts), ['*', '/v2/*'], 'housing-green')).toBe(
      body(
        configXml({ target: 'housing-green', behaviors: { ...parts.behaviors, '/v2/*': 'housing-green' } }),
      ),
    )
  })

  test('takes the elements in any order', () => {
    const xml =
      '<Distribution><DistributionConfig><CacheBehaviors><Items><CacheBehavior><TargetOriginId>a</TargetOriginId><PathPattern>/x</PathPattern></CacheBehavior></Items></CacheBehaviors><DefaultCacheBehavior><TargetOriginId/></DefaultCacheBehavior></DistributionConfig></Distribution>'
    expect(() => pointBehaviors(xml, ['*', '/x'], 'b')).toThrow('empty <TargetOriginId>')
    expect(
      pointBehaviors(
        xml.replace('<TargetOriginId/>', '<TargetOriginId>a</TargetOriginId>'),
        ['*', '/x'],
        'b',
      ),
    ).toContain(
      '<TargetOriginId>b</TargetOriginId><PathPattern>/x</PathPattern></CacheBehavior></Items></CacheBehaviors><DefaultCacheBehavior><TargetOriginId>b</TargetOriginId>',
    )
  })

  test('keeps the namespaces that the root declared, and those of its own', () => {
    const xml = distributionXml()
      .replace(`xmlns="${NAMESPACE}"`, `xmlns="${NAMESPACE}" xmlns:x='urn:x' xmlns:y="urn:y" other="1"`)
      .replace('<DistributionConfig>', '<DistributionConfig xmlns:y="urn:z" kept="2">')
    expect(pointBehaviors(xml, ['*'], 'housing-blue')).toContain(
      `<DistributionConfig xmlns="${NAMESPACE}" xmlns:x='urn:x' xmlns:y="urn:z" kept="2">`,
    )
  })

  test('is refused when a behavior is not there', () => {
    expect(() => pointBehaviors(distributionXml(), ['*', '/nowhere'], 'x')).toThrow('*, /nowhere')
  })

  test('reads as what was asked for, whatever the origin is called', () => {
    const char = fc.constantFrom('a', '&', '<', '>', '"', "'", ']', ';', 'ä', '$', '\u{1F600}')
    const name = fc.string({ unit: char, minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        name,
        name,
        fc.subarray(['*', '/v2/*', '/ui/a&b'], { minLength: 1 }),
        (from, to, patterns) => {
          const before = distributionXml({ target: escapeXml(from) })
          const after = pointBehaviors(before, patterns, to)
          const wrapped = `<Distribution><Status>Deployed</Status>${after.replace(/^<\?.*?\?>/, '')}</Distribution>`
          const old = readDistribution(before)
          expect(readDistribution(wrapped)).toEqual({
            ...old,
            behaviors: old.behaviors.map((behavior) =>
              patterns.includes(behavior.pathPattern) ? { ...behavior, target: to } : behavior,
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
