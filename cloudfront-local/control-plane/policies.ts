/** Continuous deployment policies: kept, judged and attached; no edge sends anything to a staging distribution. */
import { CloudFrontError } from './cloudfront-error.ts'
import { document, locationOf, pageOf, plainList, readDocument } from './documents.ts'
import { KeptConfigs } from './kept-configs.ts'
import { child, contentOf, element, listItems, textOf } from './xml.ts'
import type { Answer, Call } from '../calls/call.ts'
import type { Handler } from './control-plane.ts'
import type { KeptConfig, KeptOptions } from './kept-configs.ts'
import type { XmlElement } from './xml.ts'

const CONFIG = 'ContinuousDeploymentPolicyConfig'
const MAX_POLICIES = 20
const MAX_WEIGHT = 0.15
const MIN_TTL_SECONDS = 300
const MAX_TTL_SECONDS = 3600

export class Policies {
  readonly kept: KeptConfigs

  constructor(options: KeptOptions) {
    this.kept = new KeptConfigs(options, {
      idFrom: (identifier) => identifier.toLowerCase(),
      missing: (id) =>
        new CloudFrontError(
          'NoSuchContinuousDeploymentPolicy',
          `There is no continuous deployment policy ${id}.`,
        ),
    })
  }

  /** `isStaging` tells whether a domain name is that of a staging distribution. Throws CloudFrontError. */
  create(config: XmlElement, isStaging: (name: string) => boolean): KeptConfig {
    if (this.kept.size >= MAX_POLICIES) {
      throw new CloudFrontError('TooManyContinuousDeploymentPolicies', `More than ${MAX_POLICIES} policies.`)
    }
    this.#judge(config, undefined, isStaging)
    return this.kept.add(config)
  }

  /** A full replacement. Throws CloudFrontError. */
  update(
    { id, ifMatch }: { id: string; ifMatch: string | undefined },
    config: XmlElement,
    isStaging: (name: string) => boolean,
  ): KeptConfig {
    this.kept.guarded(id, ifMatch)
    this.#judge(config, id, isStaging)
    return this.kept.replace(id, ifMatch, config)
  }

  #judge(config: XmlElement, id: string | undefined, isStaging: (name: string) => boolean): void {
    const names = stagingNames(config)
    const others = this.kept.list().filter((policy) => policy.id !== id)
    const used = others.flatMap((policy) => stagingNames(policy.config))
    if (names.some((name) => used.includes(name))) {
      throw new CloudFrontError('StagingDistributionInUse', 'Another policy has this staging distribution.')
    }
    const problem = trafficProblem(child(config, 'TrafficConfig'))
    const stranger = names.find((name) => !isStaging(name))
    if (names.length === 0 || stranger !== undefined) {
      throw new CloudFrontError(
        'InvalidArgument',
        `"${stranger ?? ''}" is no staging distribution's domain name.`,
      )
    }
    if (problem !== undefined) throw new CloudFrontError('InvalidArgument', problem)
  }
}

function stagingNames(config: XmlElement): string[] {
  return listItems(config, 'StagingDistributionDnsNames').map(contentOf)
}

function trafficProblem(traffic: XmlElement | undefined): string | undefined {
  if (traffic === undefined) return undefined
  const weight = child(traffic, 'SingleWeightConfig')
  const header = textOf(child(traffic, 'SingleHeaderConfig'), 'Header')
  if (header !== undefined && !header.startsWith('aws-cf-cd-')) return 'Header must begin with aws-cf-cd-.'
  const share = Number(textOf(weight, 'Weight') ?? '0')
  if (!(share >= 0 && share <= MAX_WEIGHT)) return `Weight is from 0 to ${MAX_WEIGHT}.`
  const stickiness = child(weight, 'SessionStickinessConfig')
  if (stickiness === undefined) return undefined
  const [idle, maximum] = ['IdleTTL', 'MaximumTTL'].map((name) => Number(textOf(stickiness, name)))
  const ordered = idle !== undefined && maximum !== undefined && idle <= maximum
  const inRange = [idle, maximum].every(
    (ttl) => Number(ttl) >= MIN_TTL_SECONDS && Number(ttl) <= MAX_TTL_SECONDS,
  )
  return ordered && inRange
    ? undefined
    : `IdleTTL and MaximumTTL are from ${MIN_TTL_SECONDS} to ${MAX_TTL_SECONDS}, in this order.`
}

/** `isAttached` tells whether a distribution has the policy. */
export type PolicyServices = {
  policies: Policies
  isStaging: (domainName: string) => boolean
  isAttached: (id: string) => boolean
  maxPageSize: number
}

export function policyRoutes({ policies, isStaging, isAttached, maxPageSize }: PolicyServices): Handler[] {
  const subject = 'policy'
  const { kept } = policies
  const idIn = ({ parts: [id = ''] }: Call): string => id
  const list = ({ query }: Call): Answer => {
    const page = pageOf(kept.list(), ({ id }) => id, { query, cap: maxPageSize })
    const items = page.items.map((policy) => element('ContinuousDeploymentPolicySummary', told(policy)))
    return { status: 200, body: plainList('ContinuousDeploymentPolicyList', page, items) }
  }
  const create = (call: Call): Answer => {
    const policy = policies.create(readDocument(call.body, CONFIG), isStaging)
    const location = locationOf(`continuous-deployment-policy/${policy.id}`)
    const answer = answerOf(policy, 201)
    return {
      ...answer,
      headers: { ...answer.headers, location },
      audit: { policy: policy.id, etag: policy.etag },
    }
  }
  const getConfig = (call: Call): Answer => {
    const { etag, config } = kept.get(idIn(call))
    return { status: 200, headers: { etag }, body: document(config) }
  }
  const update = (call: Call): Answer => {
    const wanted = readDocument(call.body, CONFIG)
    const policy = policies.update({ id: idIn(call), ifMatch: call.ifMatch }, wanted, isStaging)
    return { ...answerOf(policy), audit: { etag: policy.etag } }
  }
  const remove = (call: Call): Answer => {
    kept.get(idIn(call))
    if (isAttached(idIn(call))) {
      throw new CloudFrontError('ContinuousDeploymentPolicyInUse', 'A distribution has this policy.')
    }
    kept.delete(idIn(call), call.ifMatch)
    return { status: 204, body: '' }
  }
  const name = 'ContinuousDeploymentPolicy'
  return [
    { operation: 'ListContinuousDeploymentPolicies', handle: list },
    { operation: `Create${name}`, handle: create },
    { operation: `Get${name}`, subject, handle: (call) => answerOf(kept.get(idIn(call))) },
    { operation: `Get${name}Config`, subject, handle: getConfig },
    { operation: `Update${name}`, subject, handle: update },
    { operation: `Delete${name}`, subject, handle: remove },
  ]
}

function told({ id, config, modified }: KeptConfig): XmlElement {
  return element(
    'ContinuousDeploymentPolicy',
    element('Id', id),
    element('LastModifiedTime', modified),
    config,
  )
}

function answerOf(policy: KeptConfig, status = 200): Answer {
  return { status, headers: { etag: policy.etag }, body: document(told(policy)) }
}
