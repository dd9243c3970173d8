import { describe, expect, test } from '@jest/globals'
import { readSettings } from './control-plane/distribution-config.ts'
import { DEFAULT_SEED, expandSeed, parseSeed, SeedError } from './seed.ts'
import { renderXml } from './control-plane/xml.ts'

const pick = (): number => 0
const tools = { pick, readCode: (file: string) => `// ${file}` }

function problemsOf(text: string): readonly string[] {
  try {
    parseSeed(text, tools)
  } catch (error) {
    if (error instanceof SeedError) return error.problems
    throw error
  }
  return []
}

test('the short form becomes a complete configuration with one element that no SDK knows', () => {
  const [distribution] = expandSeed(DEFAULT_SEED, pick)
  if (distribution === undefined) throw new Error('the default seed is empty')
  expect(renderXml(distribution.config)).toContain(
    '<AnticipatedSetting><Mode>keep-me</Mode></AnticipatedSetting>',
  )
  const settings = readSettings(distribution.config)
  expect([...settings.origins.values()]).toMatchObject([
    { id: 'housing-blue', domainName: 'blue.housing.models.example', httpPort: 80, readTimeoutMs: 30_000 },
    {
      id: 'housing-green',
      domainName: 'green.housing.models.example',
      keepaliveMs: 5000,
      connectionAttempts: 3,
    },
  ])
  expect(settings.behaviors).toMatchObject([
    { pathPattern: '/v2/*', targetOriginId: 'housing-blue' },
    { pathPattern: '*', targetOriginId: 'housing-blue', hostHeader: 'Origin' },
  ])
})

test('JSON and XML seeds give the same distribution', () => {
  const fromJson = parseSeed(JSON.stringify({ distributions: DEFAULT_SEED }), tools)
  const [first] = fromJson.distributions
  if (first === undefined) throw new Error('the default seed is empty')
  const { id, domainName, config } = first
  const xml = `<?xml version="1.0"?><Distribution><Id>${id}</Id><DomainName>${domainName}</DomainName>${renderXml(config)}</Distribution>`
  expect(parseSeed(xml, tools)).toEqual(fromJson)
  expect(parseSeed(`<Distributions>${xml.slice(21)}</Distributions>`, tools)).toEqual(fromJson)
})

test('what the seed leaves out is made up', () => {
  const { distributions } = parseSeed(
    JSON.stringify({
      distributions: [
        {
          origins: [{ id: 'only', domainName: 'only.example' }],
          behaviors: [{ pathPattern: '*', targetOriginId: 'only' }],
        },
      ],
    }),
    tools,
  )
  expect(distributions[0]).toMatchObject({
    id: 'EAAAAAAAAAAAAA',
    domainName: 'daaaaaaaaaaaaa.cloudfront.net',
  })
})

describe('an unusable seed names every problem', () => {
  test.each([
    { name: 'neither JSON nor XML', text: 'hello', found: [/not JSON and not XML/] },
    { name: 'no distributions', text: '{"distributions": []}', found: [/at least one entry/] },
    { name: 'broken XML', text: '<Distribution>', found: [/not well-formed XML/] },
    {
      name: 'misspelt and missing members',
      text: JSON.stringify({
        distributions: [
          {
            origins: [{ id: 'blue', domain: 'blue.example', httpPort: '80' }],
            behaviors: [{ pathPattern: '/v2/*', targetOriginId: 'blue' }],
          },
        ],
      }),
      found: [
        /origins\[0\]\.domainName: missing/,
        /\.domain: unknown/,
        /httpPort: expected a number/,
        /found 0/,
      ],
    },
    {
      name: 'stores and functions that do not fit',
      text: JSON.stringify({
        distributions: [
          {
            origins: [{ id: 'blue', domainName: 'blue.example' }],
            behaviors: [{ pathPattern: '*', targetOriginId: 'blue', cachePolicy: 'Forever' }],
          },
        ],
        keyValueStores: [{ items: {} }, { name: 'models', items: { housing: { active: 'blue' } } }],
        functions: [{ name: 'none' }, { name: 'two', code: 'a', codeFile: 'b' }],
      }),
      found: [
        /cachePolicy: unknown "Forever"; known are CachingDisabled, /,
        /keyValueStores\[0\]\.name: missing/,
        /keyValueStores\[1\]\.items\.housing: expected a text, not \{"active":"blue"\}; quote it/,
        /functions\[0\]: expected exactly one of code and codeFile/,
        /functions\[1\]: expected exactly one of code and codeFile/,
      ],
    },
    {
      name: 'a function whose store is not there',
      text: JSON.stringify({
        distributions: [
          {
            origins: [{ id: 'blue', domainName: 'blue.example' }],
            behaviors: [{ pathPattern: '*', targetOriginId: 'blue', viewerRequestFunction: 'gone' }],
          },
        ],
        functions: [{ name: 'switch', code: 'a', keyValueStore: 'models' }],
      }),
      found: [/add it to keyValueStores/, /viewerRequestFunction gone: add it to functions/],
    },
    {
      name: 'an origin that is not there, and an id of another form',
      text: JSON.stringify({
        distributions: [
          {
            id: 'short',
            origins: [{ id: 'blue', domainName: 'blue.example' }],
            behaviors: [{ pathPattern: '*', targetOriginId: 'green' }],
          },
        ],
      }),
      found: [/id short/, /NoSuchOrigin/],
    },
  ])('$name', ({ text, found }) => {
    const problems = problemsOf(text)
    expect(problems).toHaveLength(found.length)
    found.forEach((expression, index) => expect(problems[index]).toMatch(expression))
  })
})
