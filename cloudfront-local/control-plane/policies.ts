/** Continuous deployment policies: kept, judged and attached; no edge sends anything to a staging distribution. */
import { CloudFrontError } from './cloudfront-error.ts'
import { document, locationOf, pageOf, plainList, readDocument } from './documents.ts'
import { judgeIfMatch, newIdentifier } from './etag.ts'
import { child, contentOf, element, listItems, parseXml, renderXml, textOf } from './xml.ts'
import type { Answer, Call, Route } from '../calls/call.ts'
import type { Clock } from '../propagation/clock.ts'
import type { Shelf } from '../state/shelf.ts'
import type { XmlElement } from './xml.ts'

export type Policy = { id: string; etag: string; config: XmlElement; modified: string }
/** The configuration as XML text. */
export type SavedPolicy = Omit<Policy, 'config'> & { config: string }

const CONFIG = 'ContinuousDeploymentPolicyConfig'
const MAX_POLICIES = 20
const MAX_WEIGHT = 0.15
const MIN_TTL_SECONDS = 300
const MAX_TTL_SECONDS = 3600

export type PoliciesOptions = {
  shelf: Shelf<SavedPolicy>
  clock: Clock
  pick: (choices: number) => number
}

export class Policies {
  readonly #options: PoliciesOptions
  readonly #byId = new Map<string, Policy>()

  constructor(options: PoliciesOptions) {
    this.#options = options
    for (const saved of options.shelf.all()) {
      this.#byId.set(saved.id, { ...saved, config: parseXml(saved.config) })
    }
  }

  list(): Policy[] {
    return [...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** Throws NoSuchContinuousDeploymentPolicy. */
  get(id: string): Policy {
    const policy = this.#byId.get(id)
    if (policy !== undefined) return policy
    throw new CloudFrontError(
      'NoSuchContinuousDeploymentPolicy',
      `There is no continuous deployment policy ${id}.`,
    )
  }

  /** `isStaging` tells whether a domain name is that of a staging distribution. Throws CloudFrontError. */
  create(config: XmlElement, isStaging: (name: string) => boolean): Policy {
    if (this.#byId.size >= MAX_POLICIES) {
      throw new CloudFrontError('TooManyContinuousDeploymentPolicies', `More than ${MAX_POLICIES} policies.`)
    }
    this.#judge(config, undefined, isStaging)
    return this.#keep(newIdentifier(this.#options.pick).toLowerCase(), config)
  }

  /** A full replacement. Throws CloudFrontError. */
  update(
    call: Pick<Call, 'ifMatch'> & { id: string },
    config: XmlElement,
    isStaging: (name: string) => boolean,
  ): Policy {
    this.#guarded(call.id, call.ifMatch)
    this.#judge(config, call.id, isStaging)
    return this.#keep(call.id, config)
  }

  delete(id: string, ifMatch: string | undefined): void {
    this.#guarded(id, ifMatch)
    this.#byId.delete(id)
    this.#options.shelf.delete(id)
  }

  #guarded(id: string, ifMatch: string | undefined): void {
    const stale = judgeIfMatch(ifMatch, this.get(id).etag)
    if (stale !== undefined) throw stale
  }

  #judge(config: XmlElement, id: string | undefined, isStaging: (name: string) => boolean): void {
    const names = stagingNames(config)
    const used = this.list()
      .filter((policy) => policy.id !== id)
      .flatMap((policy) => stagingNames(policy.config))
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

  #keep(id: string, config: XmlElement): Policy {
    const { clock, pick, shelf } = this.#options
    const policy = { id, config, etag: newIdentifier(pick), modified: clock.date().toISOString() }
    this.#byId.set(id, policy)
    shelf.put(id, { ...policy, config: renderXml(config) })
    return policy
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

const ALL = /^\/2020-05-31\/continuous-deployment-policy$/
const ONE = /^\/2020-05-31\/continuous-deployment-policy\/([^/]+)$/
const ONE_CONFIG = /^\/2020-05-31\/continuous-deployment-policy\/([^/]+)\/config$/

export function policyRoutes({ policies, isStaging, isAttached, maxPageSize }: PolicyServices): Route[] {
  const subject = 'policy'
  const idIn = ({ parts: [id = ''] }: Call): string => id
  const list = ({ query }: Call): Answer => {
    const page = pageOf(policies.list(), ({ id }) => id, { query, cap: maxPageSize })
    const items = page.items.map((policy) => element('ContinuousDeploymentPolicySummary', told(policy)))
    return { status: 200, body: plainList('ContinuousDeploymentPolicyList', page, items) }
  }
  const create = (call: Call): Answer => {
    const policy = policies.create(readDocument(call.body, CONFIG), isStaging)
    const location = locationOf(call, `continuous-deployment-policy/${policy.id}`)
    const answer = answerOf(policy, 201)
    return {
      ...answer,
      headers: { ...answer.headers, location },
      audit: { policy: policy.id, etag: policy.etag },
    }
  }
  const getConfig = (call: Call): Answer => {
    const { etag, config } = policies.get(idIn(call))
    return { status: 200, headers: { etag }, body: document(config) }
  }
  const update = (call: Call): Answer => {
    const wanted = readDocument(call.body, CONFIG)
    const policy = policies.update({ id: idIn(call), ifMatch: call.ifMatch }, wanted, isStaging)
    return { ...answerOf(policy), audit: { etag: policy.etag } }
  }
  const remove = (call: Call): Answer => {
    policies.get(idIn(call))
    if (isAttached(idIn(call))) {
      throw new CloudFrontError('ContinuousDeploymentPolicyInUse', 'A distribution has this policy.')
    }
    policies.delete(idIn(call), call.ifMatch)
    return { status: 204, body: '' }
  }
  const name = 'ContinuousDeploymentPolicy'
  return [
    { method: 'GET', path: ALL, operation: 'ListContinuousDeploymentPolicies', handle: list },
    { method: 'POST', path: ALL, operation: `Create${name}`, handle: create },
    {
      method: 'GET',
      path: ONE,
      operation: `Get${name}`,
      subject,
      handle: (call) => answerOf(policies.get(idIn(call))),
    },
    { method: 'GET', path: ONE_CONFIG, operation: `Get${name}Config`, subject, handle: getConfig },
    { method: 'PUT', path: ONE, operation: `Update${name}`, subject, handle: update },
    { method: 'DELETE', path: ONE, operation: `Delete${name}`, subject, handle: remove },
  ]
}

function told({ id, config, modified }: Policy): XmlElement {
  return element(
    'ContinuousDeploymentPolicy',
    element('Id', id),
    element('LastModifiedTime', modified),
    config,
  )
}

function answerOf(policy: Policy, status = 200): Answer {
  return { status, headers: { etag: policy.etag }, body: document(told(policy)) }
}
