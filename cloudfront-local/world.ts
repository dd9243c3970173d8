/** All parts of the emulator in their places, nothing listening yet. */
import { randomInt } from 'node:crypto'
import { AuditLog } from './audit-log.ts'
import { CloudFrontError } from './control-plane/cloudfront-error.ts'
import { answerCall } from './calls/answer-call.ts'
import { FaultTable } from './calls/faults.ts'
import { controlPlane } from './control-plane/control-plane.ts'
import { distributionRoutes } from './control-plane/distribution-routes.ts'
import { Distributions } from './control-plane/distributions.ts'
import { distributionArn } from './control-plane/distribution-xml.ts'
import { functionRoutes } from './control-plane/function-routes.ts'
import { Functions } from './control-plane/functions.ts'
import { Invalidations } from './control-plane/invalidations.ts'
import { Policies, policyRoutes } from './control-plane/policies.ts'
import { distributionListRoutes } from './control-plane/distribution-lists.ts'
import { existsAmong, keepAll } from './control-plane/kept-kinds.ts'
import { keptRoutes } from './control-plane/kept-routes.ts'
import { referencesIn } from './control-plane/references.ts'
import { storeRoutes } from './control-plane/store-routes.ts'
import { taggingRoutes, Tags } from './control-plane/tags.ts'
import { vpcOriginArn, VpcOrigins, vpcOriginRoutes } from './control-plane/vpc-origins.ts'
import { textOf } from './control-plane/xml.ts'
import { Edge, functionsOf, type UnknownOrigin } from './edge/edge.ts'
import { FunctionRunner } from './functions/function-runner.ts'
import { DATA_PLANE_PREFIX, dataPlane } from './key-value-store/data-plane.ts'
import { Stores } from './key-value-store/stores.ts'
import { Clock } from './propagation/clock.ts'
import { Propagation } from './propagation/propagation.ts'
import { readSettings } from './control-plane/distribution-config.ts'
import { memoryShelf } from './state/shelf.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { IdenticalPut, Version } from './control-plane/distributions.ts'
import type { EdgeFunction, Staged } from './control-plane/functions.ts'
import type { Kept, KeptByKind } from './control-plane/kept-kinds.ts'
import type { ReferenceKind } from './control-plane/references.ts'
import type { Outcome as ControlPlaneOutcome } from './control-plane/control-plane.ts'
import type { Invalidation } from './control-plane/invalidations.ts'
import type { FunctionCode, Outcome, StoreSnapshot, ViewerRequestEvent } from './functions/event.ts'
import type { Address } from './http/resolve-map.ts'
import type { Log } from './log.ts'
import type { Range } from './propagation/propagation.ts'
import type { Random } from './propagation/random.ts'
import type { Seed } from './seed.ts'
import type { Shelf } from './state/shelf.ts'
import type { StateFolder } from './state/state-folder.ts'

export type WorldOptions = {
  edges: number
  resolve: Map<string, Address>
  propagation: Range
  storePropagation: Range
  random: Random
  auditFile: string | undefined
  identicalPut: IdenticalPut
  unknownOrigin: UnknownOrigin
  maxPageSize: number
  state: StateFolder | undefined
  log: Log
  now: () => number
  /** Sees every outcome of the control plane. */
  inspect?: (outcome: ControlPlaneOutcome) => void
}

/** How each kind of change travels; the names by which the admin API calls them. */
export type Propagations = {
  distributions: Propagation<Version>
  functions: Propagation<FunctionCode>
  stores: Propagation<StoreSnapshot>
  invalidations: Propagation<Invalidation>
}

export type World = {
  audit: AuditLog
  clock: Clock
  faults: FaultTable
  edges: readonly Edge[]
  resolve: Map<string, Address>
  propagations: Propagations
  distributions: Distributions
  invalidations: Invalidations
  functions: Functions
  stores: Stores
  tags: Tags
  policies: Policies
  vpcOrigins: VpcOrigins
  kept: Kept
  byKind: KeptByKind
  tester: FunctionRunner
  maxPageSize: number
  inspect: ((outcome: ControlPlaneOutcome) => void) | undefined
  pick: (choices: number) => number
}

export function buildWorld(options: WorldOptions): World {
  const { resolve, log, identicalPut, maxPageSize } = options
  const audit = new AuditLog(options.auditFile)
  const clock = new Clock(options.now)
  const edges = Array.from(
    { length: options.edges },
    (_, index) => new Edge({ number: index + 1, resolve, log, clock, unknownOrigin: options.unknownOrigin }),
  )
  const propagations = propagationsTo(edges, audit, clock, options)
  const shelf = <T>(kind: string): Shelf<T> => options.state?.shelf<T>(kind) ?? memoryShelf<T>()
  const common = { clock, pick }

  // In this order: what is kept of each refers only to what came before it.
  const stores = new Stores({ ...common, propagation: propagations.stores, shelf: shelf('key-value-stores') })
  const functions = new Functions({
    ...common,
    propagation: propagations.functions,
    shelf: shelf('functions'),
    assertStore: (arn) => {
      const store = stores.get(stores.list().find((one) => one.arn === arn)?.name ?? arn)
      if (stores.statusOf(store) === 'READY') return
      throw new CloudFrontError(
        'InvalidArgument',
        `The KVS cannot be associated before the resource is provisioned: ${store.name} is PROVISIONING.`,
      )
    },
  })
  const policies = new Policies({ ...common, shelf: shelf('continuous-deployment-policies') })
  const vpcOrigins = new VpcOrigins({ ...common, shelf: shelf('vpc-origins') })
  const kept = keepAll((folder) => ({ ...common, shelf: shelf(folder) }))
  const byKind = { ...kept, ContinuousDeploymentPolicy: policies.kept, VpcOrigin: vpcOrigins.kept }
  const distributions = new Distributions({
    ...common,
    propagation: propagations.distributions,
    shelf: shelf('distributions'),
    references: {
      isPublishedFunction: (arn) => functions.isPublished(arn),
      exists: (kind, id) => existsAmong(byKind, kind, id),
    },
    identicalPut,
  })
  const invalidations = new Invalidations({
    ...common,
    propagation: propagations.invalidations,
    shelf: shelf('invalidations'),
  })
  const tags = new Tags(shelf('tags'))
  return {
    ...{ audit, clock, faults: new FaultTable(), edges, resolve, propagations, maxPageSize, pick },
    inspect: options.inspect,
    ...{
      distributions,
      invalidations,
      functions,
      stores,
      tags,
      policies,
      vpcOrigins,
      kept,
      byKind,
      tester: new FunctionRunner(),
    },
  }
}

/** Put the seed in; everything of it is on all edges at once. Throws CloudFrontError. */
export function sow({ stores, functions, distributions }: World, seed: Seed): void {
  for (const { name, comment = '', items = {} } of seed.stores) stores.create(name, comment, items)
  for (const { name, comment = '', code, keyValueStore } of seed.functions) {
    const store = keyValueStore === undefined ? {} : { store: stores.get(keyValueStore).arn }
    const made = functions.create(name, { code, comment, runtime: 'cloudfront-js-2.0', ...store })
    functions.publish(name, made.development.etag, 'AtOnce')
  }
  for (const distribution of seed.distributions) distributions.seed(distribution)
}

// Identifiers are new in every run, seed or not: a client that keeps an ETag over a restart must be found out.
function pick(choices: number): number {
  return randomInt(choices)
}

function propagationsTo(
  edges: readonly Edge[],
  audit: AuditLog,
  clock: Clock,
  { propagation: range, storePropagation, random }: WorldOptions,
): Propagations {
  const delays = { range, random, clock }
  const stores = new Propagation<StoreSnapshot>(
    edges.map((edge) => ({
      number: edge.number,
      apply: (store) => {
        edge.applyStore(store)
      },
      // A deleted store stays readable where it was: nothing can be associated with it any more.
      remove: () => undefined,
    })),
    { ...delays, range: storePropagation },
    (edge, { resource, number: version }) => {
      const propagated = stores.isPropagated(resource)
      audit.append({ type: 'EdgeStoreApplied', edge, store: resource, version, propagated })
    },
  )
  const functions = new Propagation<FunctionCode>(
    edges.map((edge) => ({
      number: edge.number,
      apply: (code) => {
        if (code.store !== undefined) stores.provide(edge.number, code.store)
        edge.applyFunction(code)
      },
      remove: () => undefined,
    })),
    delays,
    (edge, { resource, number: version }) => {
      const propagated = functions.isPropagated(resource)
      audit.append({ type: 'EdgeFunctionApplied', edge, function: resource, version, propagated })
    },
  )
  const distributions = new Propagation<Version>(
    edges.map((edge) => ({
      number: edge.number,
      apply: (version) => {
        const needed = functionsOf({ settings: readSettings(version.config) })
        for (const arn of needed) functions.provide(edge.number, arn)
        edge.apply(version)
      },
      remove: (id) => {
        edge.remove(id)
      },
    })),
    delays,
    (edge, { resource, number: version, value: { etag } }) => {
      const status = distributions.isPropagated(resource) ? 'Deployed' : 'InProgress'
      audit.append({ type: 'EdgeApplied', edge, distribution: resource, version, etag, status })
    },
  )
  const invalidations = new Propagation<Invalidation>(
    edges.map((edge) => ({
      number: edge.number,
      apply: ({ distribution, paths }) => {
        edge.invalidate(distribution, paths)
      },
      remove: () => undefined,
    })),
    delays,
    (edge, { resource, value: { distribution } }) => {
      const propagated = invalidations.isPropagated(resource)
      audit.append({ type: 'EdgeInvalidated', edge, distribution, invalidation: resource, propagated })
    },
  )
  return { distributions, functions, stores, invalidations }
}

/** Both services of AWS that the emulator plays, on one port. Never rejects. */
export function apiOf(world: World): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { audit, faults, distributions, functions, stores, tags, policies, vpcOrigins, maxPageSize } = world
  const { kept, byKind } = world
  const configs = () => distributions.list().map(({ config }) => config)
  const isAssociated = (arn: string): boolean =>
    configs().some((config) => functionsOf({ settings: readSettings(config) }).includes(arn))
  const isReferred = (kind: ReferenceKind, id: string): boolean =>
    configs().some((config) => referencesIn(config, kind).includes(id))
  const main = controlPlane(
    [
      ...distributionRoutes(world),
      ...functionRoutes({ functions, isAssociated, test: testerOf(world), tags, maxPageSize }),
      ...storeRoutes({ stores, isInUse: (arn) => functions.usesStore(arn), tags, maxPageSize }),
      ...policyRoutes({
        policies,
        isStaging: (name) =>
          distributions
            .list()
            .some(({ domainName, config }) => domainName === name && textOf(config, 'Staging') === 'true'),
        isAttached: (id) => isReferred('ContinuousDeploymentPolicy', id),
        maxPageSize,
      }),
      ...vpcOriginRoutes({
        vpcOrigins,
        isInUse: (id) => isReferred('VpcOrigin', id),
        tags,
        maxPageSize,
      }),
      ...keptRoutes({ kept, isReferred, maxPageSize }),
      ...distributionListRoutes({ distributions, byKind, maxPageSize }),
      ...taggingRoutes(tags, (arn) => taggableArns(world).includes(arn)),
    ],
    world.inspect,
  )
  const keys = dataPlane(stores)
  return (request, response) => {
    const isKeys = request.url?.startsWith(DATA_PLANE_PREFIX) === true
    return answerCall({ ...(isKeys ? keys : main), audit, faults }, request, response)
  }
}

/** Everything that may carry tags. */
function taggableArns({ distributions, functions, stores, vpcOrigins }: World): string[] {
  return [
    ...distributions.list().map(({ distribution }) => distributionArn(distribution)),
    ...functions.list().map(({ arn }) => arn),
    ...stores.list().map(({ arn }) => arn),
    ...vpcOrigins.kept.list().map(({ id }) => vpcOriginArn(id)),
  ]
}

/** Tests run what is stored, outside of any edge, in a thread of their own. */
function testerOf({ tester, stores }: World) {
  return (
    { arn, published }: EdgeFunction,
    { code, runtime, store }: Staged,
    event: ViewerRequestEvent,
  ): Promise<Outcome> => {
    const snapshot = stores.list().find((one) => one.arn === store)
    if (snapshot !== undefined) tester.provideStore(snapshot)
    tester.provideFunction({
      arn,
      number: published,
      code,
      runtime,
      ...(store === undefined ? {} : { store }),
    })
    return tester.run(arn, event)
  }
}
