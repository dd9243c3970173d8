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
    annotations?: Record<string, string>
  }
  spec: ModelReleaseSpec
  status?: ModelReleaseStatus
}

export type Spec = ModelReleaseSpec
export type Status = ModelReleaseStatus
export type Gate = NonNullable<Spec['gates']>[number]
export type Traffic = Spec['traffic']
export type Distribution = NonNullable<Traffic['cloudFrontDistribution']>
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
