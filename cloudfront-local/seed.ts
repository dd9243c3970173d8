/** The distributions that the emulator starts with: a short JSON form, or DistributionConfig XML as AWS returns it. */
import { aliasNames } from './control-plane/distribution-config.ts'
import { isIdentifier, newIdentifier } from './control-plane/etag.ts'
import { configFromShortForm } from './control-plane/short-form.ts'
import { judgeConfig } from './control-plane/validation.ts'
import { child, childElements, parseXml, textOf, XmlSyntaxError } from './control-plane/xml.ts'
import { functionProblems, kindOf, misfits, SEED_SHAPE, shapeProblems, storeProblems } from './seed-shape.ts'
import type { XmlElement } from './control-plane/xml.ts'
import type { SeedContent, SeedDistribution, SeedFunction, SeedStore } from './seed-content.ts'

/** What the emulator starts with; stores are made before functions, functions before distributions. */
export type Seed = {
  distributions: readonly NewDistribution[]
  stores: readonly SeedStore[]
  functions: readonly (SeedFunction & { code: string })[]
}

/** A distribution to be served from the start. */
export type NewDistribution = { id: string; domainName: string; config: XmlElement }

/** The seed cannot be used; the message holds every problem, one per line. */
export class SeedError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** Served when no seed is given: two permanent origins, everything on blue. */
export const DEFAULT_SEED: readonly SeedDistribution[] = [
  {
    id: 'E1HOUSINGLOCAL',
    domainName: 'd1housinglocal.cloudfront.net',
    comment: 'housing models',
    aliases: ['models.example.com'],
    origins: [
      { id: 'housing-blue', domainName: 'blue.housing.models.example' },
      { id: 'housing-green', domainName: 'green.housing.models.example' },
    ],
    behaviors: [
      { pathPattern: '/v2/*', targetOriginId: 'housing-blue' },
      { pathPattern: '*', targetOriginId: 'housing-blue' },
    ],
  },
]

type Pick = (choices: number) => number

/** What reading a seed needs: `pick` makes the ids that it leaves out, `readCode` reads the files that it names. */
export type SeedTools = { pick: Pick; readCode: (file: string) => string }

/** Read the text of a seed file. Throws SeedError with all problems. */
export function parseSeed(text: string, tools: SeedTools): Seed {
  if (text.trimStart().startsWith('<')) {
    return { distributions: refuseInvalid(parseXmlSeed(text, tools.pick)), stores: [], functions: [] }
  }
  return readSeed(parseJsonSeed(text), tools)
}

/** Turn the short form into what is served. Throws SeedError with all problems. */
export function readSeed(content: SeedContent, { pick, readCode }: SeedTools): Seed {
  const { distributions, keyValueStores = [], functions = [] } = content
  const problems = [
    ...distributions.flatMap((one, index) => shapeProblems(one, `distributions[${index}]`)),
    ...keyValueStores.flatMap((one, index) => storeProblems(one, `keyValueStores[${index}]`)),
    ...functions.flatMap((one, index) => functionProblems(one, `functions[${index}]`)),
  ]
  if (problems.length > 0) throw new SeedError(problems)
  refuseStrangers(content)
  return {
    distributions: expandSeed(distributions, pick),
    stores: keyValueStores,
    functions: functions.map((one) => ({ ...one, code: one.code ?? codeIn(one.codeFile ?? '', readCode) })),
  }
}

/** Turn distributions in the short form into complete configurations. Throws SeedError with all problems. */
export function expandSeed(seed: readonly SeedDistribution[], pick: Pick): NewDistribution[] {
  const problems = seed.flatMap((distribution, index) =>
    shapeProblems(distribution, `distributions[${index}]`),
  )
  if (problems.length > 0) throw new SeedError(problems)
  return refuseInvalid(seed.map((distribution) => expand(distribution, pick)))
}

function expand(seed: SeedDistribution, pick: Pick): NewDistribution {
  const id = seed.id ?? newIdentifier(pick)
  const config = configFromShortForm(seed, id)
  return { id, domainName: seed.domainName ?? defaultDomainName(id), config }
}

function codeIn(file: string, readCode: SeedTools['readCode']): string {
  try {
    return readCode(file)
  } catch (error) {
    throw new SeedError([`codeFile ${file}: ${(error as Error).message}`])
  }
}

/** Names that are used and defined nowhere. */
function refuseStrangers({ distributions, keyValueStores = [], functions = [] }: SeedContent): void {
  const stores = new Set(keyValueStores.map(({ name }) => name))
  const known = new Set(functions.map(({ name }) => name))
  const wanted = distributions.flatMap(({ behaviors }) =>
    behaviors.flatMap(({ viewerRequestFunction: name }) => (name === undefined ? [] : [name])),
  )
  const problems = [
    ...functions.flatMap(({ name, keyValueStore: store }) =>
      store === undefined || stores.has(store)
        ? []
        : [`function ${name}: keyValueStore ${store}: add it to keyValueStores`],
    ),
    ...wanted
      .filter((name) => !known.has(name))
      .map((name) => `viewerRequestFunction ${name}: add it to functions`),
  ]
  if (problems.length > 0) throw new SeedError(problems)
}

function parseJsonSeed(text: string): SeedContent {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new SeedError([`not JSON and not XML: ${(error as Error).message}`])
  }
  const content = (kindOf(parsed) === 'map' ? parsed : {}) as Partial<Record<keyof SeedContent, unknown>>
  const problems = misfits(content, SEED_SHAPE, [], 'seed')
  if (!Array.isArray(content.distributions) || content.distributions.length === 0) {
    problems.push('expected {"distributions": [ … ]} with at least one entry')
  }
  if (problems.length > 0) throw new SeedError(problems)
  return content as SeedContent
}

function parseXmlSeed(text: string, pick: Pick): NewDistribution[] {
  let root: XmlElement
  try {
    root = parseXml(text)
  } catch (error) {
    if (error instanceof XmlSyntaxError) throw new SeedError([`not well-formed XML: ${error.message}`])
    throw error
  }
  const found = root.name === 'Distributions' ? childElements(root) : [root]
  return found.map((node) => {
    const id = textOf(node, 'Id') ?? newIdentifier(pick)
    return {
      id,
      domainName: textOf(node, 'DomainName') ?? defaultDomainName(id),
      config: { ...(child(node, 'DistributionConfig') ?? node), attributes: {} },
    }
  })
}

function defaultDomainName(id: string): string {
  return `d${id.slice(1).toLowerCase()}.cloudfront.net`
}

function refuseInvalid(distributions: NewDistribution[]): NewDistribution[] {
  const problems = distributions.flatMap(({ id, config }, index) => {
    const others = distributions.filter((_, other) => other !== index)
    const error = judgeConfig({
      config,
      foreignAliases: new Set(others.flatMap((other) => aliasNames(other.config))),
    })
    return [
      ...(isIdentifier(id) ? [] : [`distribution id ${id}: use E and 13 upper-case letters or digits`]),
      ...(others.some((other) => other.id === id) ? [`distribution id ${id}: used twice`] : []),
      ...(error === undefined ? [] : [`distribution ${id}: ${error.code}: ${error.message}`]),
    ]
  })
  if (problems.length > 0) throw new SeedError(problems)
  return distributions
}
