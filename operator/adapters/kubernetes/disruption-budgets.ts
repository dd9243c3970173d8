/** PodDisruptionBudgets: listed once for all releases of a namespace, in the version of the API that is served. */
import { LABEL, MANAGER, colorName, colorSelector, otherColor, type Color } from '../../api/names.ts'
import type { ModelRelease } from '../../api/release.ts'
import { budgetOf } from '../../planner/manifests/children.ts'
import { canonicalJson } from '../../planner/model/revision.ts'
import type { ColorState, OtherBudget, Action } from '../../planner/model/observation.ts'
import { ownersWith, versionOf } from './create-once.ts'
import type { Budget, LabelSelector } from './objects.ts'
import { labelsDiffering, ownershipOf } from './reading.ts'
import { Requests, type Transport } from './requests.ts'
import { BUDGETS, type Resource } from './resources.ts'
import { onlySelector } from './service-pointer.ts'
import { ConflictError, RefusedError, TransientError } from '../../ports/errors.ts'

/** Nothing that serves waits for a budget for longer, though a webhook may be asked about it that does not answer. */
const TIMEOUT_MS = 2_000

/** How old what is known of the budgets of a namespace may be: a reconcile that finds nothing to do costs no request of its own. */
const FRESH_MS = 30_000

type Reading = { type: 'Read'; budgets: readonly Budget[] } | { type: 'Unknown'; why: string }
type BudgetFacts = Pick<ColorState, 'budget' | 'otherBudgets' | 'budgetsUnknown'>

/** The budgets of all namespaces that have releases. */
export class Budgets {
  readonly #requests: Requests
  readonly #now: () => number
  readonly #known = new Map<string, { at: number; reading: Promise<Reading> }>()
  /** policy/v1 since 1.21, policy/v1beta1 until 1.24: the other one is tried when this one is not found. */
  #served: Resource<Budget> = BUDGETS

  constructor(transport: Transport, now: () => number) {
    this.#requests = new Requests({
      request: (call) => transport.request({ ...call, timeoutMs: TIMEOUT_MS }),
    })
    this.#now = now
  }

  /**
   * What is known of the budget of a color, and of those of somebody else that select pods with any of these labels. Never
   * throws for an answer of the API server.
   */
  async of(
    release: ModelRelease,
    color: Color,
    podLabels: readonly Record<string, string>[],
  ): Promise<BudgetFacts> {
    const reading = await this.#inNamespace(release.metadata.namespace)
    if (reading.type === 'Unknown') return { budgetsUnknown: reading.why }
    const { name, uid } = release.metadata
    const own = reading.budgets.find((one) => isOurs(one, release, color))
    const otherBudgets = reading.budgets
      .filter((one) => one !== own)
      .flatMap((one) => countedBy(one, color, podLabels) ?? [])
    const differs = own ? budgetDiffers(own, name, color) : []
    return {
      ...(own
        ? {
            budget: {
              ownership: ownershipOf(own, uid),
              ...(differs.length > 0 ? { differs: differs.join(', ') } : {}),
            },
          }
        : {}),
      ...(otherBudgets.length > 0 ? { otherBudgets } : {}),
    }
  }

  async apply(
    release: ModelRelease,
    { color, ownership }: Extract<Action, { type: 'ApplyBudget' }>,
  ): Promise<void> {
    const found = await this.#own(release, color)
    const manifest = budgetOf({ release, color, ownership, version: this.#served.version })
    if (!found) {
      await this.#requests.create(this.#served, manifest)
      return
    }
    const { matchLabels = {}, matchExpressions } = found.spec?.selector ?? {}
    const selector = {
      matchLabels: onlySelector(matchLabels, colorSelector(release.metadata.name, color)),
      ...(matchExpressions ? { matchExpressions: null } : {}),
    }
    const metadata = {
      labels: {
        ...manifest.metadata.labels,
        [LABEL.managedBy]: found.metadata.labels?.[LABEL.managedBy] ?? MANAGER,
      },
      ownerReferences: ownersWith(found, release, ownership),
    }
    const minAvailable = found.spec?.minAvailable === undefined ? {} : { minAvailable: null }
    const spec = { ...manifest.spec, ...minAvailable, selector }
    await this.#requests.patch(this.#served, found.metadata, versionOf(found), { metadata, spec })
  }

  async remove(release: ModelRelease, color: Color): Promise<void> {
    const found = await this.#own(release, color)
    if (found) await this.#requests.remove(this.#served, found.metadata, versionOf(found))
  }

  /** Ours as it stands now: its version changes with each of its pods. What is known of the namespace is out of date from now on. */
  async #own(release: ModelRelease, color: Color): Promise<Budget | undefined> {
    const { namespace } = release.metadata
    this.#known.delete(namespace)
    const budgets = await this.#list(namespace)
    return budgets.find((one) => isOurs(one, release, color))
  }

  #inNamespace(namespace: string): Promise<Reading> {
    const now = this.#now()
    for (const [name, { at }] of this.#known) if (Math.abs(now - at) > FRESH_MS) this.#known.delete(name)
    const known = this.#known.get(namespace)
    if (known) return known.reading
    const reading = this.#read(namespace)
    this.#known.set(namespace, { at: now, reading })
    return reading
  }

  async #read(namespace: string): Promise<Reading> {
    try {
      return { type: 'Read', budgets: await this.#list(namespace) }
    } catch (error) {
      if (error instanceof RefusedError) return { type: 'Unknown', why: error.message }
      if (error instanceof ConflictError)
        return { type: 'Unknown', why: 'the API server serves neither policy/v1 nor policy/v1beta1' }
      if (!(error instanceof TransientError)) throw error
      // Asked again in the next reconcile.
      this.#known.delete(namespace)
      return { type: 'Unknown', why: '' }
    }
  }

  async #list(namespace: string): Promise<Budget[]> {
    try {
      return await this.#listOf(this.#served, namespace)
    } catch (error) {
      // The server answers 404 where it knows the group, but not the version.
      if (!(error instanceof ConflictError)) throw error
      const version = this.#served.version === 'v1' ? 'v1beta1' : 'v1'
      const other = { ...BUDGETS, version }
      const budgets = await this.#listOf(other, namespace)
      this.#served = other
      return budgets
    }
  }

  async #listOf(resource: Resource<Budget>, namespace: string): Promise<Budget[]> {
    const budgets: Budget[] = []
    await this.#requests.list(resource, namespace, '', ({ metadata, spec }) => {
      const { name, uid, resourceVersion, labels = {}, ownerReferences = [] } = metadata
      budgets.push({
        metadata: { name, namespace, uid, resourceVersion, labels, ownerReferences },
        ...(spec ? { spec } : {}),
      })
    })
    return budgets
  }
}

function isOurs({ metadata: { labels, name } }: Budget, release: ModelRelease, color: Color): boolean {
  return (
    name === colorName(release.metadata.name, color) &&
    labels?.[LABEL.name] === release.metadata.name &&
    labels[LABEL.color] === color
  )
}

/** What of a budget is not as we made it. Where it has no eviction policy, the API server may not know of any. */
function budgetDiffers({ metadata, spec = {} }: Budget, release: string, color: Color): string[] {
  const { maxUnavailable, minAvailable, selector, unhealthyPodEvictionPolicy = 'AlwaysAllow' } = spec
  const wanted = { matchLabels: colorSelector(release, color) }
  return [
    ...labelsDiffering({ metadata }, wanted.matchLabels),
    ...(canonicalJson(selector) === canonicalJson(wanted)
      ? []
      : [`spec.selector is ${JSON.stringify(selector)} instead of ${JSON.stringify(wanted)}`]),
    ...(maxUnavailable === 1 && minAvailable === undefined
      ? []
      : [
          minAvailable === undefined
            ? `spec.maxUnavailable is ${maxUnavailable ?? 'missing'} instead of 1`
            : `spec.minAvailable is ${minAvailable} instead of spec.maxUnavailable 1`,
        ]),
    ...(unhealthyPodEvictionPolicy === 'AlwaysAllow'
      ? []
      : [`spec.unhealthyPodEvictionPolicy is ${unhealthyPodEvictionPolicy} instead of AlwaysAllow`]),
  ]
}

function countedBy(
  { metadata: { name }, spec }: Budget,
  color: Color,
  podLabels: readonly Record<string, string>[],
): OtherBudget | undefined {
  const counts = (labels: Record<string, string>): boolean => selects(spec?.selector, labels)
  const counted = podLabels.filter(counts)
  if (counted.length === 0) return undefined
  const isBoth = counted.some((labels) => counts({ ...labels, [LABEL.color]: otherColor(color) }))
  return { name, counts: isBoth ? 'Both' : 'Color' }
}

/** As policy/v1 has it: no selector selects nothing, an empty one selects everything. */
export function selects(
  selector: LabelSelector | null | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  if (!selector) return false
  const { matchLabels = {}, matchExpressions = [] } = selector
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((one) => holds(one, labels))
  )
}

function holds(
  { key, operator, values = [] }: NonNullable<LabelSelector['matchExpressions']>[number],
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = labels[key]
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    default:
      return false
  }
}
