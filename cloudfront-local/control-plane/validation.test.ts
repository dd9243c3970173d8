import { describe, expect, test } from '@jest/globals'
import { expandSeed } from '../seed.ts'
import { judgeConfig } from './validation.ts'
import { element, parseXml, renderXml } from './xml.ts'
import type { XmlElement } from './xml.ts'

const [{ config: current } = { config: element('none') }] = expandSeed(
  [
    {
      id: 'E1TESTTESTTEST',
      aliases: ['models.example.com'],
      origins: [
        { id: 'blue', domainName: 'blue.example' },
        { id: 'green', domainName: 'green.example' },
      ],
      behaviors: [
        { pathPattern: '/v2/*', targetOriginId: 'blue' },
        { pathPattern: '*', targetOriginId: 'blue' },
      ],
    },
  ],
  () => 0,
)

/** The configuration after a replacement in its text, which must have found something. */
function edited(from: string | RegExp, to: string): XmlElement {
  const xml = renderXml(current)
  const after = xml.replace(from, to)
  if (after === xml) throw new Error(`${String(from)} is not in the configuration`)
  return parseXml(after)
}

test('a configuration that only moves its pointer is accepted', () => {
  const config = edited(/<TargetOriginId>blue/, '<TargetOriginId>green')
  expect(judgeConfig({ config, current, foreignAliases: new Set() })).toBeUndefined()
})

describe('is refused', () => {
  const origin = /<Origin>.*?<\/Origin>/.exec(renderXml(current))?.[0] ?? ''
  const behavior = /<CacheBehavior>.*?<\/CacheBehavior>/.exec(renderXml(current))?.[0] ?? ''
  const many = (item: string, count: number, tag: string) =>
    Array.from({ length: count }, (_, index) =>
      item.replace(new RegExp(`(<${tag}>)[^<]*`), `$1${tag === 'Id' ? 'n' : '/n'}${index}`),
    ).join('')
  const lastTarget = /(<DefaultCacheBehavior><TargetOriginId>)blue/

  test.each([
    {
      name: 'a default behavior without origin',
      from: lastTarget,
      to: '$1red',
      code: 'NoSuchOrigin',
      status: 404,
    },
    {
      name: 'another behavior without origin',
      from: /(<CacheBehavior>.*?<TargetOriginId>)blue/,
      to: '$1red',
      code: 'NoSuchOrigin',
      status: 404,
    },
    {
      name: 'a Quantity that does not fit',
      from: /(<Aliases><Quantity>)1/,
      to: '$12',
      code: 'InconsistentQuantities',
      status: 400,
    },
    {
      name: 'a nested Quantity that does not fit',
      from: /(<CachedMethods><Quantity>)2/,
      to: '$13',
      code: 'InconsistentQuantities',
      status: 400,
    },
    {
      name: 'Items without Quantity',
      from: '<Aliases><Quantity>1</Quantity>',
      to: '<Aliases>',
      code: 'InconsistentQuantities',
      status: 400,
    },
    {
      name: 'another CallerReference',
      from: 'seed-E1TESTTESTTEST',
      to: 'another',
      code: 'IllegalUpdate',
      status: 400,
    },
    { name: 'no WebACLId', from: '<WebACLId></WebACLId>', to: '', code: 'IllegalUpdate', status: 400 },
    {
      name: 'no OriginReadTimeout',
      from: '<OriginReadTimeout>30</OriginReadTimeout>',
      to: '',
      code: 'IllegalUpdate',
      status: 400,
    },
    { name: 'no Comment', from: '<Comment></Comment>', to: '', code: 'InvalidArgument', status: 400 },
    { name: 'no Enabled', from: '<Enabled>true</Enabled>', to: '', code: 'InvalidArgument', status: 400 },
    {
      name: 'an origin without DomainName',
      from: '<DomainName>blue.example</DomainName>',
      to: '',
      code: 'InvalidArgument',
      status: 400,
    },
    {
      name: 'a behavior without ViewerProtocolPolicy',
      from: '<ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>',
      to: '',
      code: 'InvalidArgument',
      status: 400,
    },
    {
      name: 'an unknown ViewerProtocolPolicy',
      from: 'allow-all',
      to: 'allow-some',
      code: 'InvalidArgument',
      status: 400,
    },
    {
      name: 'two origins of one id',
      from: '<Id>green</Id>',
      to: '<Id>blue</Id>',
      code: 'InvalidArgument',
      status: 400,
    },
    {
      name: 'an origin of no kind',
      from: /<CustomOriginConfig>.*?<\/CustomOriginConfig>/,
      to: '',
      code: 'InvalidArgument',
      status: 400,
    },
    {
      name: 'four methods',
      from: /(<AllowedMethods><Quantity>)7(<.*?)<Method>OPTIONS.*?PATCH<\/Method>/,
      to: '$14$2',
      code: 'InvalidArgument',
      status: 400,
    },
    {
      name: 'two behaviors of one pattern',
      from: /(<CacheBehaviors><Quantity>)1(.*?)(<CacheBehavior>.*?<\/CacheBehavior>)/,
      to: '$12$2$3$3',
      code: 'InvalidArgument',
      status: 400,
    },
    {
      name: 'the 101st origin',
      from: /<Origins>.*?<\/Origins>/,
      to: `<Origins><Quantity>101</Quantity><Items>${many(origin, 101, 'Id')}</Items></Origins>`,
      code: 'TooManyOrigins',
      status: 400,
    },
    {
      name: 'the 76th behavior',
      from: /<CacheBehaviors>.*?<\/CacheBehaviors>/,
      to: `<CacheBehaviors><Quantity>76</Quantity><Items>${many(behavior, 76, 'PathPattern')}</Items></CacheBehaviors>`,
      code: 'TooManyCacheBehaviors',
      status: 400,
    },
    {
      name: 'the 11th origin group',
      from: /<OriginGroups>.*?<\/OriginGroups>/,
      to: `<OriginGroups><Quantity>11</Quantity><Items>${'<OriginGroup><Id>g</Id><FailoverCriteria><StatusCodes><Quantity>1</Quantity><Items><StatusCode>500</StatusCode></Items></StatusCodes></FailoverCriteria><Members><Quantity>2</Quantity><Items><OriginGroupMember><OriginId>blue</OriginId></OriginGroupMember><OriginGroupMember><OriginId>green</OriginId></OriginGroupMember></Items></Members></OriginGroup>'.repeat(11)}</Items></OriginGroups>`,
      code: 'TooManyOriginGroupsPerDistribution',
      status: 400,
    },
    {
      name: 'the 101st alias',
      from: /<Aliases>.*?<\/Aliases>/,
      to: `<Aliases><Quantity>101</Quantity><Items>${'<CNAME>a.example</CNAME>'.repeat(101)}</Items></Aliases>`,
      code: 'TooManyDistributionCNAMEs',
      status: 400,
    },
    {
      name: 'staging after creation',
      from: '<Staging>false</Staging>',
      to: '<Staging>true</Staging>',
      code: 'IllegalUpdate',
      status: 400,
    },
    {
      name: 'an unpublished function',
      from: '<FunctionAssociations><Quantity>0</Quantity>',
      to:
        '<FunctionAssociations><Quantity>1</Quantity><Items><FunctionAssociation>' +
        '<FunctionARN>arn</FunctionARN><EventType>viewer-request</EventType>' +
        '</FunctionAssociation></Items>',
      code: 'InvalidFunctionAssociation',
      status: 400,
    },
    {
      name: 'two functions for one event',
      from: '<FunctionAssociations><Quantity>0</Quantity>',
      to: `<FunctionAssociations><Quantity>2</Quantity><Items>${'<FunctionAssociation><FunctionARN>arn</FunctionARN><EventType>viewer-request</EventType></FunctionAssociation>'.repeat(
        2,
      )}</Items>`,
      code: 'InvalidFunctionAssociation',
      status: 400,
    },
    {
      name: 'another root',
      from: /DistributionConfig>/g,
      to: 'Distribution>',
      code: 'MalformedXML',
      status: 400,
    },
  ])('$name: $code', ({ from, to, code, status }) => {
    const references = { isPublishedFunction: () => false, exists: () => true }
    const error = judgeConfig({ config: edited(from, to), current, foreignAliases: new Set(), references })
    expect(error).toMatchObject({ code, status })
  })

  test('an alias of another distribution: CNAMEAlreadyExists', () => {
    const foreignAliases = new Set(['models.example.com'])
    expect(judgeConfig({ config: current, current, foreignAliases })).toMatchObject({
      code: 'CNAMEAlreadyExists',
      status: 409,
    })
  })
})
