/** What CloudFront refuses about a new configuration: named rules, the first that finds something answers. */
import { CloudFrontError } from './cloudfront-error.ts'
import { aliasNames, behaviorElements } from './distribution-config.ts'
import { unknownReference } from './references.ts'
import { judgeDocument } from './shape.ts'
import { child, listItems, textOf } from './xml.ts'
import type { ReferenceKind } from './references.ts'
import type { XmlElement } from './xml.ts'

/** What a configuration may refer to beyond itself. */
export type References = {
  /** Whether the ARN is that of a function with a LIVE stage. */
  isPublishedFunction: (arn: string) => boolean
  exists: (kind: ReferenceKind, id: string) => boolean
}

/** `current` is absent when a distribution is created; `foreignAliases` are those of all other distributions. */
export type Proposal = {
  config: XmlElement
  current?: XmlElement | undefined
  foreignAliases: ReadonlySet<string>
  /** Left out where only the configuration itself is judged. */
  references?: References
}

type Rule = (proposal: Proposal) => CloudFrontError | undefined

const MAX_ORIGINS = 100
const MAX_CACHE_BEHAVIORS = 75
const MAX_ORIGIN_GROUPS = 10
const MAX_ALIASES = 100
const PROTOCOL_POLICIES = new Set(['allow-all', 'redirect-to-https', 'https-only'])

const wrongRoot: Rule = ({ config }) =>
  config.name === 'DistributionConfig'
    ? undefined
    : new CloudFrontError('MalformedXML', `Expected a DistributionConfig, not a ${config.name}.`)

const wrongForm: Rule = ({ config }) => judgeDocument(config)

// The model says what must be there, and not what must not be empty.
const emptyField: Rule = ({ config }) => {
  const empty = [
    ...listItems(config, 'Origins').flatMap((origin) => absent(origin, ['Id', 'DomainName'], 'Origin')),
    ...behaviorElements(config).flatMap(({ behavior, kind }) =>
      absent(behavior, ['TargetOriginId', ...(kind === 'Ordered' ? ['PathPattern'] : [])], behavior.name),
    ),
  ]
  const [name] = empty
  return name === undefined
    ? undefined
    : new CloudFrontError('InvalidArgument', `The parameter ${name} is required.`)
}

function absent(parent: XmlElement, names: readonly string[], label: string): string[] {
  return names
    .filter((name) => {
      const text = textOf(parent, name)
      return text === undefined || text === ''
    })
    .map((name) => `${label}.${name}`)
}

const callerReferenceChanged: Rule = ({ config, current }) =>
  current === undefined || textOf(config, 'CallerReference') === textOf(current, 'CallerReference')
    ? undefined
    : new CloudFrontError('IllegalUpdate', 'You cannot update Origin or CallerReference.')

// Updates need more than creation does: seen as "WebACLId is missing for the resource" (yaybu/touchdown#66) and
// "OriginReadTimeout is required for updates" (aws-controllers-k8s/community#2335), both with code IllegalUpdate.
const neededByUpdates: Rule = ({ config, current }) => {
  if (current === undefined) return undefined
  if (child(current, 'WebACLId') && !child(config, 'WebACLId')) {
    return new CloudFrontError('IllegalUpdate', 'WebACLId is missing for the resource')
  }
  for (const origin of listItems(config, 'Origins')) {
    const custom = child(origin, 'CustomOriginConfig')
    const names = ['OriginReadTimeout', 'OriginKeepaliveTimeout']
    const name = custom && names.find((field) => child(custom, field) === undefined)
    if (name !== undefined) return new CloudFrontError('IllegalUpdate', `${name} is required for updates.`)
  }
  return undefined
}

const badOrigins: Rule = ({ config }) => {
  const origins = listItems(config, 'Origins')
  if (origins.length === 0) return new CloudFrontError('InvalidArgument', 'At least one origin is required.')
  const twice = duplicate(origins.map((origin) => textOf(origin, 'Id') ?? ''))
  if (twice !== undefined) return new CloudFrontError('InvalidArgument', `Duplicate origin id ${twice}.`)
  const kinds = ['CustomOriginConfig', 'S3OriginConfig', 'VpcOriginConfig']
  const vague = origins.find((origin) => kinds.filter((kind) => child(origin, kind)).length !== 1)
  return vague === undefined
    ? undefined
    : new CloudFrontError(
        'InvalidArgument',
        `Origin ${textOf(vague, 'Id') ?? ''} needs exactly one of ${kinds.join(', ')}.`,
      )
}

const tooMany: Rule = ({ config }) => {
  if (listItems(config, 'Origins').length > MAX_ORIGINS) {
    return new CloudFrontError('TooManyOrigins', `More than ${MAX_ORIGINS} origins in one distribution.`)
  }
  if (listItems(config, 'OriginGroups').length > MAX_ORIGIN_GROUPS) {
    return new CloudFrontError(
      'TooManyOriginGroupsPerDistribution',
      `More than ${MAX_ORIGIN_GROUPS} origin groups.`,
    )
  }
  return aliasNames(config).length > MAX_ALIASES
    ? new CloudFrontError('TooManyDistributionCNAMEs', `More than ${MAX_ALIASES} aliases.`)
    : undefined
}

const badBehaviors: Rule = ({ config }) => {
  const patterns = listItems(config, 'CacheBehaviors').map(
    (behavior) => textOf(behavior, 'PathPattern') ?? '',
  )
  if (patterns.length > MAX_CACHE_BEHAVIORS) {
    return new CloudFrontError('TooManyCacheBehaviors', `More than ${MAX_CACHE_BEHAVIORS} cache behaviors.`)
  }
  const twice = duplicate(patterns)
  if (twice !== undefined) return new CloudFrontError('InvalidArgument', `Duplicate path pattern ${twice}.`)
  for (const { behavior } of behaviorElements(config)) {
    const policy = textOf(behavior, 'ViewerProtocolPolicy') ?? ''
    if (!PROTOCOL_POLICIES.has(policy)) {
      return new CloudFrontError('InvalidArgument', `ViewerProtocolPolicy ${policy} is not valid.`)
    }
    const methods = listItems(behavior, 'AllowedMethods').length
    if (![0, 2, 3, 7].includes(methods)) {
      return new CloudFrontError('InvalidArgument', 'AllowedMethods must name 2, 3 or 7 methods.')
    }
  }
  return undefined
}

function duplicate(values: readonly string[]): string | undefined {
  return values.find((value, index) => values.indexOf(value) !== index)
}

const targetWithoutOrigin: Rule = ({ config }) => {
  const known = new Set(
    [...listItems(config, 'Origins'), ...listItems(config, 'OriginGroups')].map((item) => textOf(item, 'Id')),
  )
  return behaviorElements(config).every(({ behavior }) => known.has(textOf(behavior, 'TargetOriginId')))
    ? undefined
    : noSuchOrigin()
}

const aliasTaken: Rule = ({ config, foreignAliases }) => {
  const taken = aliasNames(config).find((alias) => foreignAliases.has(alias))
  return taken === undefined
    ? undefined
    : new CloudFrontError(
        'CNAMEAlreadyExists',
        `The CNAME ${taken} is already associated with a different resource.`,
      )
}

// An update that leaves the element out fails (hashicorp/terraform-provider-aws#33578); an empty one detaches.
const policyDropped: Rule = ({ config, current }) => {
  const attached = textOf(current, 'ContinuousDeploymentPolicyId') ?? ''
  return attached === '' || child(config, 'ContinuousDeploymentPolicyId') !== undefined
    ? undefined
    : new CloudFrontError(
        'IllegalUpdate',
        'ContinuousDeploymentPolicyId is missing while a policy is attached.',
      )
}

const referenceUnknown: Rule = ({ config, references }) =>
  references && unknownReference(config, references.exists)

const badOriginGroups: Rule = ({ config }) => {
  const origins = new Set(listItems(config, 'Origins').map((origin) => textOf(origin, 'Id')))
  for (const group of listItems(config, 'OriginGroups')) {
    const id = textOf(group, 'Id') ?? ''
    const members = listItems(group, 'Members').map((member) => textOf(member, 'OriginId') ?? '')
    if (!members.every((member) => origins.has(member))) return noSuchOrigin()
    if (members.length !== 2 || members[0] === members[1]) {
      return new CloudFrontError('InvalidArgument', `The origin group ${id} needs two different members.`)
    }
    if (origins.has(id)) return new CloudFrontError('InvalidArgument', `Duplicate origin id ${id}.`)
  }
  return undefined
}

function noSuchOrigin(): CloudFrontError {
  return new CloudFrontError('NoSuchOrigin', 'One or more of your origins or origin groups do not exist.')
}

// The older settings of the cache and the policy that came after them exclude each other.
const cacheSettings: Rule = ({ config }) => {
  for (const { behavior } of behaviorElements(config)) {
    const hasPolicy = (textOf(behavior, 'CachePolicyId') ?? '') !== ''
    const older = ['ForwardedValues', 'MinTTL', 'DefaultTTL', 'MaxTTL'].filter((name) =>
      child(behavior, name),
    )
    if (hasPolicy && older[0] !== undefined) {
      return new CloudFrontError(
        'InvalidArgument',
        `The parameter ${older[0]} cannot be used when a cache policy is associated to the cache behavior.`,
      )
    }
    if (!hasPolicy && child(behavior, 'ForwardedValues') === undefined) {
      return new CloudFrontError('InvalidArgument', 'The parameter ForwardedValues is required.')
    }
  }
  return undefined
}

const S3_NAME = /[.-]s3[.-].*amazonaws\.com(\.cn)?$/

const badBucket: Rule = ({ config }) =>
  listItems(config, 'Origins').every(
    (origin) =>
      child(origin, 'S3OriginConfig') === undefined || S3_NAME.test(textOf(origin, 'DomainName') ?? ''),
  )
    ? undefined
    : new CloudFrontError(
        'InvalidArgument',
        'The parameter Origin DomainName does not refer to a valid S3 bucket.',
      )

const LAMBDA_VERSION = /^arn:aws[\w-]*:lambda:us-east-1:\d{12}:function:[\w-]+:\d+$/

const badLambdaAssociation: Rule = ({ config }) => {
  const arns = behaviorElements(config).flatMap(({ behavior }) =>
    listItems(behavior, 'LambdaFunctionAssociations').map((one) => textOf(one, 'LambdaFunctionARN') ?? ''),
  )
  const wrong = arns.find((arn) => !LAMBDA_VERSION.test(arn))
  return wrong === undefined
    ? undefined
    : new CloudFrontError(
        'InvalidLambdaFunctionAssociation',
        `${wrong} is not the ARN of one version of a Lambda function in us-east-1.`,
      )
}

const stagingChanged: Rule = ({ config, current }) =>
  current === undefined || isStaging(config) === isStaging(current)
    ? undefined
    : new CloudFrontError('IllegalUpdate', 'Staging cannot be changed after creation.')

function isStaging(config: XmlElement): boolean {
  return textOf(config, 'Staging') === 'true'
}

const badFunctionAssociation: Rule = ({ config, references }) => {
  if (references === undefined) return undefined
  for (const { behavior } of behaviorElements(config)) {
    const associations = listItems(behavior, 'FunctionAssociations')
    const twice = duplicate(associations.map((association) => textOf(association, 'EventType') ?? ''))
    if (twice !== undefined) {
      return new CloudFrontError('InvalidFunctionAssociation', `Two functions for the event type ${twice}.`)
    }
    const lost = associations
      .map((association) => textOf(association, 'FunctionARN') ?? '')
      .find((arn) => !references.isPublishedFunction(arn))
    if (lost !== undefined) {
      return new CloudFrontError(
        'InvalidFunctionAssociation',
        `The function ${lost} does not exist or is not published.`,
      )
    }
  }
  return undefined
}

const RULES: readonly Rule[] = [
  wrongRoot,
  wrongForm,
  emptyField,
  callerReferenceChanged,
  neededByUpdates,
  policyDropped,
  stagingChanged,
  tooMany,
  badOriginGroups,
  targetWithoutOrigin,
  badOrigins,
  badBehaviors,
  badBucket,
  cacheSettings,
  referenceUnknown,
  badFunctionAssociation,
  badLambdaAssociation,
  aliasTaken,
]

/** The error with which CloudFront would refuse this configuration; undefined when it would accept it. */
export function judgeConfig(proposal: Proposal): CloudFrontError | undefined {
  for (const rule of RULES) {
    const error = rule(proposal)
    if (error !== undefined) return error
  }
  return undefined
}
