import type { ModelReleaseSpec, ModelReleaseStatus } from './modelrelease.ts'

/** A ModelRelease as the API server returns it: defaults are filled in. */
export interface ModelRelease {
  metadata: {
    name: string
    namespace: string
    uid: string
    generation: number
    resourceVersion: string
    creationTimestamp?: string
    deletionTimestamp?: string
    finalizers?: string[]
    annotations?: Record<string, string>
  }
  spec: ModelReleaseSpec
  status?: ModelReleaseStatus
}

export type Spec = ModelReleaseSpec
export type Status = ModelReleaseStatus
export type Gate = NonNullable<Spec['gates']>[number]
export type Traffic = Spec['traffic']
/** What both kinds of CloudFront pointer say of the distribution. */
export type Distribution = Omit<NonNullable<Traffic['cloudFrontDistribution']>, 'canary'>
export type KeyValueStore = NonNullable<Traffic['cloudFrontKeyValueStore']>
export type CanaryStep = NonNullable<KeyValueStore['canary']>[number]
export type Verify = Distribution['verify']
export type Request = Gate['smoke']['request']
export type Expectation = Gate['smoke']['expect']
export type Attempt = NonNullable<Status['attempt']>
export type Outcome = NonNullable<Attempt['outcome']>
export type Intent = NonNullable<NonNullable<Status['traffic']>['intent']>
export type GateReport = NonNullable<Status['gates']>
export type GateResult = NonNullable<GateReport['results']>[number]
export type Phase = NonNullable<Status['phase']>
export type Condition = NonNullable<Status['conditions']>[number]

/** What deleting the release does to the serving color, with the default that depends on the pointer. */
export function deletionPolicyOf(spec: Spec): 'Retain' | 'Delete' {
  return spec.deletionPolicy ?? (spec.traffic.type === 'Service' ? 'Delete' : 'Retain')
}

/** Milliseconds that a candidate must have stayed ready; a schema of an earlier version does not fill it in. */
export function minReadyMsOf({ minReadySeconds }: Partial<Pick<Spec, 'minReadySeconds'>>): number {
  return (minReadySeconds ?? 10) * 1000
}

/** Settings of the key value store that decides where users go; undefined with another kind of pointer. */
export function keyValueStoreOf({ traffic }: Pick<Spec, 'traffic'>): KeyValueStore | undefined {
  return traffic.type === 'CloudFrontKeyValueStore' ? traffic.cloudFrontKeyValueStore : undefined
}

/** Settings of the distribution that users come through; undefined with a Service pointer. */
export function distributionOf(spec: Pick<Spec, 'traffic'>): Distribution | undefined {
  const { type, cloudFrontDistribution } = spec.traffic
  return type === 'CloudFrontKeyValueStore' ? keyValueStoreOf(spec) : cloudFrontDistribution
}

/** The member of the spec that holds these settings, for messages that name a field. */
export function distributionField({ traffic }: Pick<Spec, 'traffic'>): string {
  const isStore = traffic.type === 'CloudFrontKeyValueStore'
  return `spec.traffic.${isStore ? 'cloudFrontKeyValueStore' : 'cloudFrontDistribution'}`
}
