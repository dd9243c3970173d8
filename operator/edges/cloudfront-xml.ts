/**
 * What the operator reads of a distribution, and the one thing that it changes, on the text that CloudFront sent. The
 * SDK's model drops every element that it does not know, and UpdateDistribution replaces the whole configuration.
 */
import { childOf, descend, escapeXml, scanXml, textOf, UnsafeXmlError, type XmlRange } from './xml-ranges.ts'

/** The path pattern by which a release addresses the default behavior. */
export const DEFAULT_BEHAVIOR = '*'

/** CloudFront's default for OriginReadTimeout, which an S3 origin does not state. */
const DEFAULT_TIMEOUT_SECONDS = 30

/** A distribution in our words. The default behavior comes first. */
export type DistributionDocument = {
  enabled: boolean
  staging: boolean
  /** `Deployed` when every edge has the newest configuration, `InProgress` until then. */
  status: string
  /** How long the slowest answer of the origin may take. */
  origins: { id: string; timeoutSeconds: number }[]
  behaviors: { pathPattern: string; target: string }[]
}

/** Reads the answer of GetDistribution. Throws UnsafeXmlError when it means nothing or more than one thing. */
export function readDistribution(xml: string): DistributionDocument {
  const root = scanRoot(xml)
  const config = descend(root, 'DistributionConfig')
  const staging = childOf(config, 'Staging')
  return {
    enabled: textOf(xml, descend(config, 'Enabled')) === 'true',
    staging: staging !== undefined && textOf(xml, staging) === 'true',
    status: textOf(xml, descend(root, 'Status')),
    origins: itemsOf(config, 'Origins').map((origin) => readOrigin(xml, origin)),
    behaviors: behaviorsOf(xml, config).map(({ pathPattern, target }) => ({ pathPattern, target })),
  }
}

/**
 * The body of an UpdateDistribution that differs from this answer of GetDistribution only in the TargetOriginId of the
 * named behaviors; every other byte of the configuration stands in it as it came. Throws UnsafeXmlError.
 */
export function pointBehaviors(xml: string, pathPatterns: readonly string[], originId: string): string {
  const root = scanRoot(xml)
  const config = descend(root, 'DistributionConfig')
  const targets = behaviorsOf(xml, config)
    .filter(({ pathPattern }) => pathPatterns.includes(pathPattern))
    .map(({ range }) => range)
    .toSorted((a, b) => a.innerStart - b.innerStart)
  if (targets.length !== pathPatterns.length)
    throw new UnsafeXmlError(
      `not every one of the behaviors ${pathPatterns.join(', ')} is there exactly once`,
    )
  const pieces: string[] = []
  let position = config.innerStart
  for (const { innerStart, innerEnd } of targets) {
    pieces.push(xml.slice(position, innerStart), escapeXml(originId))
    position = innerEnd
  }
  pieces.push(xml.slice(position, config.innerEnd))
  const attributes = `${inheritedNamespaces(root, config)}${config.attributes}`
  return `<?xml version="1.0" encoding="UTF-8"?>\n<DistributionConfig${attributes}>${pieces.join('')}</DistributionConfig>`
}

function scanRoot(xml: string): XmlRange {
  const root = scanXml(xml)
  if (root.name !== 'Distribution') throw new UnsafeXmlError(`the root is <${root.name}>, not <Distribution>`)
  return root
}

/** The elements of a `{Quantity, Items}` list; CloudFront leaves Items out of an empty one. */
function itemsOf(parent: XmlRange, name: string): XmlRange[] {
  const list = childOf(parent, name)
  const items = list && childOf(list, 'Items')
  return items?.children ?? []
}

function readOrigin(xml: string, origin: XmlRange): DistributionDocument['origins'][number] {
  const settings = childOf(origin, 'CustomOriginConfig') ?? childOf(origin, 'VpcOriginConfig')
  const seconds = [
    settings && childOf(settings, 'OriginReadTimeout'),
    // Bounds the whole answer, where the read timeout bounds the silence between two packets.
    childOf(origin, 'ResponseCompletionTimeout'),
  ].map((element) => (element ? Number(textOf(xml, element)) : 0))
  const longest = Math.max(...seconds.filter((value) => Number.isFinite(value)))
  return {
    id: textOf(xml, descend(origin, 'Id')),
    timeoutSeconds: longest > 0 ? longest : DEFAULT_TIMEOUT_SECONDS,
  }
}

/** A behavior, and where its TargetOriginId stands. */
type BehaviorRange = { pathPattern: string; target: string; range: XmlRange }

function behaviorsOf(xml: string, config: XmlRange): BehaviorRange[] {
  const all = [
    toBehavior(xml, DEFAULT_BEHAVIOR, descend(config, 'DefaultCacheBehavior')),
    ...itemsOf(config, 'CacheBehaviors').map((behavior) =>
      toBehavior(xml, textOf(xml, descend(behavior, 'PathPattern')), behavior),
    ),
  ]
  const twice = all.find(
    ({ pathPattern }, at) => all.findIndex((one) => one.pathPattern === pathPattern) !== at,
  )
  if (twice) throw new UnsafeXmlError(`two behaviors have the path pattern ${twice.pathPattern}`)
  return all
}

function toBehavior(xml: string, pathPattern: string, behavior: XmlRange): BehaviorRange {
  const range = descend(behavior, 'TargetOriginId')
  const target = textOf(xml, range)
  // Every behavior has a target; and <TargetOriginId/> has no inside that could be written to.
  if (target === '') throw new UnsafeXmlError(`behavior ${pathPattern} has an empty <TargetOriginId>`)
  return { pathPattern, target, range }
}

/** Namespaces are declared on the root of the answer, and the configuration becomes the root of the update. */
function inheritedNamespaces(root: XmlRange, config: XmlRange): string {
  const declared = (element: XmlRange): Map<string, string> =>
    new Map(
      [...element.attributes.matchAll(/\s(xmlns(?::[^\s=]+)?)\s*=\s*("[^"]*"|'[^']*')/g)].map(
        ([whole, name = '']) => [name, whole],
      ),
    )
  const own = declared(config)
  return [...declared(root)]
    .filter(([name]) => !own.has(name))
    .map(([, whole]) => whole)
    .join('')
}
