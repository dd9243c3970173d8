/** Each rule and each guard taken away: some story must tell. A golden that nothing can break shows nothing. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import type { Color } from '../../api/names.ts'
import { COLORS, otherColor } from '../../api/names.ts'
import { AFTER, keyOf, without } from '../../planner/state/persisted-state.ts'
import { RULES, type Rules } from '../../planner/plan.ts'
import { servingColors } from '../../planner/model/pointer-view.ts'
import { attemptIdOf } from '../../planner/model/revision.ts'
import { goalOf, type Decision, type PlanContext } from '../../planner/context.ts'
import { readyPods } from '../../planner/model/color.ts'
import { propagating } from '../../planner/rules/verify.ts'
import { gatesPassed } from '../fakes/overrides.ts'
import { DRAINS } from './drains.ts'
import { DeviationError, run } from './simulation.ts'
import { STORIES } from './stories.ts'

type RuleName = keyof Rules['keepServing'] | keyof Rules['advance']

/** What each story is there for: the rule without which it goes another way. */
const SHOWS: Record<RuleName, string[]> = {
  refusedByTheWorld: ['scaling-refused'],
  liveWorkloadGone: ['live-deployment-deleted', 'pointer-unreachable', 'replicas-left-out'],
  liveServiceBroken: ['live-service-deleted'],
  serviceEdited: ['service-edited'],
  pointerEdited: ['pointer-service-edited'],
  formerPointerBehind: ['pointer-service-renamed'],
  workloadEdited: ['labels-edited'],
  pointerGone: ['pointer-service-deleted', 'pointer-service-deleted-while-small'],
  liveSizeDiffers: [
    'file-replaced-under-live',
    'scaled-during-release',
    'canary-scaled',
    'shrinks-with-new-revision',
    'shrinks-while-building',
    'scaled-up-and-down-after-failure',
    'replicas-never-given',
  ],
  ownershipDiffers: ['deletion-policy', 'deletion-policy-service'],
  revisionKeptOtherwise: ['stored-long-ago', 'pinned-without-gates'],
  pinGone: ['pin-deleted'],
  liveUnstored: ['revisions-deleted', 'revisions-deleted-with-live'],
  idleSizeDiffers: ['scaled-while-warm', 'old-color-scaled-by-hand'],
  budgetDiffers: Object.keys(DRAINS),
  candidateGivesWay: ['candidate-makes-room'],
  candidateRefused: ['file-replaced-for-a-retry', 'model-refused', 'image-missing', 'refused-and-kept'],
  specChanged: ['first-release', 'first-release-service'],
  commandGiven: [
    'command-written-again',
    'undo-refused',
    'undo-to-sick',
    'abort-before-switch',
    'abort-idle',
    'long-command',
    'command-found-on-wiped-status',
    'drift-to-retired',
    'abort-of-what-another-holds',
    'aborted-while-webhook-down',
  ],
  pointerUnreadable: [
    'access-denied',
    'abort-while-unreachable',
    'pointer-throttled',
    'pointer-forbidden-while-propagating',
  ],
  liveLeaving: ['live-deployment-leaving', 'live-leaving-and-third-spec'],
  liveFailed: [
    'live-falls-while-warm',
    'live-unready-while-warm',
    'live-falls-and-third-spec',
    'live-falls-after-many-failures',
    'live-falls-while-both-are-wrong',
  ],
  rollingBack: [
    'file-replaced-under-warm',
    'credential-gone-undo',
    'wrong-through-edges',
    'wrong-while-old-is-small',
    'undo-to-small',
    'undo-after-scale-up',
    'undo-withdrawn',
    'abort-to-sick',
    'undo-while-webhook-down',
    'undo-while-service-is-policed',
    'wrong-while-webhook-down',
    'silent-while-webhook-down',
    'lost-through-edges',
    'undo-while-scaling-refused',
    'undo-and-retry',
    'abort-after-switch',
    'both-broken',
    'wrong-while-old-is-down',
    'undo-to-silent',
    'third-spec-while-going-back',
    'moves-spaced',
    'adopted-and-undone',
    'adopted-and-wrong',
    'key-wrong-through-edges',
    'key-seen-too-early',
    'key-beside-another-fleet',
    'key-undone-beside-its-color',
    'key-undo',
    'canary-abort',
    'canary-both-ill',
    'canary-live-falls-ill-abort',
    'canary-first-release',
  ],
  canaryBlocked: ['canary-distribution-unfit'],
  canaryWithdrawn: [
    'canary-bad-spec',
    'canary-new-spec',
    'canary-other-pointer',
    'canary-other-pointer-abort',
    'canary-status-wiped',
    'key-foreign-share',
  ],
  canaryFailed: ['canary-falls-ill', 'canary-pod-lost', 'canary-stopped-by-hand'],
  pointerUnfit: ['canary-function-removed', 'key-function-removed'],
  canarying: [
    'canary',
    'canary-live-falls-ill',
    'canary-live-falls-ill-new-spec',
    'canary-after-service',
    'canary-live-misses-once',
    'canary-gate-fails',
    'canary-without-gates',
    'canary-gate-fails-while-held',
    'canary-silent-while-held',
    'canary-gate-silent',
    'canary-operator-stopped',
  ],
  fallbackBehind: [
    'key-first-release',
    'fallback-refused',
    'fallback-behind-next-release',
    'fallback-spaced',
    'fallback-of-others',
  ],
  supersededCandidate: ['superseded'],
  specInvalid: ['bad-spec'],
  originMissing: ['origin-missing'],
  driftRepaired: [
    'drift-repaired',
    'drift-repaired-in-a-busy-store',
    'drift-fought',
    'key-foreign-value',
    'key-deleted-and-undone',
  ],
  distributionUnfit: ['distribution-unfit'],
  originRemapped: ['origins-swapped', 'key-with-origins-swapped', 'origins-swapped-while-going-back'],
  claimUnfit: ['claim-of-somebody-elses-behavior'],
  claimTaken: ['behavior-claimed'],
  pointerSplit: ['pointer-selector-edited', 'foreign-origin', 'two-behaviors'],
  alreadyLive: [
    'gates-of-what-is-live',
    'gates-of-what-is-live-are-silent',
    'caches-invalidated',
    'slow-edges',
    'verify-silent',
    'first-release-silent',
    'first-release-wrong',
    'first-release-wrong-and-replaced',
    'pointer-changed-while-propagating',
    'pointer-type-changed',
    'key-instead-of-distribution',
  ],
  pointerMustPropagate: ['foreign-write-before-move', 'foreign-write-at-move'],
  checkedFirst: ['refused-before-room', 'credential-missing'],
  colorTaken: [
    'superseded-while-propagating',
    'hotfix-of-a-container',
    'undo-then-new-spec',
    'both-broken-then-fixed',
    'pointer-and-model-changed',
    'key-behind-another-distribution',
    'behavior-dropped',
  ],
  building: ['operator-stopped', 'built-while-webhook-down'],
  switching: [
    'file-replaced-while-building',
    'file-replaced-after-its-gates',
    'verify-left-behind',
    'former-pods-never-end',
    'former-pods-take-long',
    'name-taken-and-freed',
    'pointer-changed',
    'key-deleted',
    'ready-long-enough',
    'restarts-after-its-gates',
  ],
  provenAgain: ['foreign-move-and-back'],
  failedCandidate: [
    'wrong-answer',
    'crash-loop',
    'kept-for-a-look',
    'gate-corrected',
    'gate-tried-and-taken-back',
    'candidate-falls-ill',
    'silent-gates',
    'origin-leads-nowhere',
    'ready-for-a-moment',
    'sidecar-that-ends',
    'impostor',
    'key-first-release-refused',
  ],
  retiring: [
    'promote',
    'promote-service',
    'warm-color-makes-room',
    'key-promote',
    'unknown-container',
    'port-changed',
    'status-wiped',
    'retire-after-restart',
    'live-breaks-before-retirement',
    'aborted-before-it-took-a-color',
  ],
  revisionForgotten: ['pins-forgotten', 'history-bounded', 'status-wiped-while-propagating'],
}

/** Stories that show that something is not done; no rule does it, so a guard or nothing at all stands behind them. */
const SHOWS_RESTRAINT: Record<string, string> = {
  'foreign-move': 'nothing is moved or removed after another writer; what is told is in the status',
  'kept-candidate-makes-room': 'what is kept for a look keeps no pods from users',
  'foreign-move-unseen': 'reconcile reads the pointer anew before anything is taken away',
  'pointer-changed-and-failed': 'nothing is removed that may serve behind the old pointer',
  'live-drained-while-warm': 'what comes and goes for a moment is no failure',
  'live-falls-and-is-told': 'nothing is moved where the spec asks to be told only',
  'live-crashed-long-ago': 'what pods have been through before is no failure of now',
  'live-falls-and-is-told-and-third-spec': 'colorTaken keeps what users can be led back to',
  'drift-ignored': 'nothing is told as Stalled, and nothing is moved or removed',
  'schema-grows-when-promoted': 'an attempt is known again by the generation of its spec, and by its meaning',
  'schema-grows-after-undo': 'the same',
  'schema-grows-after-return': 'the same',
  'schema-grows-after-failure': 'the same',
  'schema-grows-after-abort': 'the same',
  'schema-grows-while-building': 'the same',
  'written-otherwise': 'an attempt is known again by its meaning, and pods by what they are stored as',
  'live-template-edited': 'what serves is told of, and left as it is',
  'live-field-removed': 'the same',
  'warm-field-added': 'what nothing of the release says otherwise is only told',
  'warm-template-edited': 'proving leads nobody to pods that somebody edited',
  'revisions-deleted-after-undo': 'what cannot be brought back is told',
  'config-map-edited': 'what the pods get their settings from is compared with what they were built with',
  'credential-read-anew': 'Secrets are read for each run of gates',
  'credential-taken-away': 'gates without their Secret are never a pass',
  'credential-refused': 'no credential stands in anything that is written',
  deleted: 'reconcile leaves a release alone that is being deleted',
}

function goldenOf(name: string): string {
  return readFileSync(new URL(`golden/${name}.golden`, import.meta.url).pathname, 'utf8')
}

/** How a story ends under these rules: what is wrong with it, or undefined when it is as its golden says. */
async function wrongWith(name: string, rules: Rules): Promise<string | undefined> {
  const story = STORIES[name]
  if (!story) throw new Error(`no story ${name}`)
  const golden = goldenOf(name)
  try {
    const { transcript, violations } = await run(story, { rules, golden })
    return transcript === golden ? violations[0] : 'it ends differently'
  } catch (error) {
    if (
      error instanceof DeviationError ||
      (error instanceof Error && /loop|never at rest/.test(error.message))
    )
      return error.message
    throw error
  }
}

function withoutRule(name: string): Rules {
  return {
    keepServing: without(RULES.keepServing, name as never),
    advance: without(RULES.advance, name as never),
  }
}

describe('a rule taken away', () => {
  test.each(Object.entries(SHOWS))('%s is shown by its stories', async (rule, stories) => {
    for (const story of stories) {
      const wrong = await wrongWith(story, withoutRule(rule))
      expect({ story, noticed: wrong !== undefined }).toEqual({ story, noticed: true })
    }
  })

  test('every rule has a story, and every story a reason', () => {
    expect(Object.keys(SHOWS).sort()).toEqual(
      [...Object.keys(RULES.keepServing), ...Object.keys(RULES.advance)].sort(),
    )
    const told = [...Object.values(SHOWS).flat(), ...Object.keys(SHOWS_RESTRAINT)]
    expect(told.toSorted()).toEqual(Object.keys(STORIES).toSorted())
  })
})

// ---- Guards ----------------------------------------------------------------------------------------------------------

type Change = (context: PlanContext) => PlanContext

/** The rules of these names see another world than there is. */
function blinded(names: RuleName[], change: Change): Rules {
  const blind = <T extends Record<string, (context: PlanContext) => Decision>>(rules: T): T =>
    Object.fromEntries(
      Object.entries(rules).map(([name, find]) => [
        name,
        names.includes(name as RuleName) ? (context: PlanContext) => find(change(context)) : find,
      ]),
    ) as T
  return { keepServing: blind(RULES.keepServing), advance: blind(RULES.advance) }
}

function eachColor(
  context: PlanContext,
  change: (color: PlanContext['observation']['colors'][Color]) => object,
): PlanContext {
  const colors = Object.fromEntries(
    COLORS.map((color) => [
      color,
      { ...context.observation.colors[color], ...change(context.observation.colors[color]) },
    ]),
  ) as PlanContext['observation']['colors']
  return { ...context, observation: { ...context.observation, colors } }
}

const everyPodReady: Change = (context) =>
  eachColor(context, ({ pods }) => ({ pods: pods.map((pod) => ({ ...pod, ready: 'Yes' as const })) }))

/** As if a color that is not whole could not answer at all. */
const wholeOrNothing: Change = (context) =>
  eachColor(context, (color) => {
    const { workload, pods } = color
    if (readyPods(color).length >= (workload?.replicas ?? 0)) return {}
    return { pods: pods.map((pod) => ({ ...pod, ready: 'No' as const })) }
  })

/** Only once the gates have passed: before, the candidate must come up as ever. */
const readyOncePassed: Change = (context) =>
  context.state.gates?.result === 'Passed' ? everyPodReady(context) : context

const tokenAsWritten: Change = (context) => {
  const { pointer } = context.observation
  const token = context.state.intent?.token
  if (pointer.type !== 'Read' || !token) return context
  return { ...context, observation: { ...context.observation, pointer: { ...pointer, token } } }
}

const propagated: Change = (context) =>
  context.view.type === 'Names'
    ? { ...context, view: { ...context.view, propagated: 'Yes' }, serving: [context.view.color] }
    : context

const aMinuteLater: Change = (context) => ({
  ...context,
  observation: { ...context.observation, now: context.observation.now + 60_000 },
})

const noRetireDelay: Change = (context) => {
  const { release } = context.observation
  const spec = { ...release.spec, retireAfterSeconds: 0 }
  return { ...context, observation: { ...context.observation, release: { ...release, spec } } }
}

const atRest: Change = (context) => ({
  ...propagated(context),
  state: without(context.state, 'attempt', 'intent'),
})

/** As if the live color stood in the other one too. */
const twinned: Change = (context) => {
  const { live, observation } = context
  if (!live) return context
  const colors = { ...observation.colors, [otherColor(live)]: observation.colors[live] }
  return { ...context, observation: { ...observation, colors } }
}

const neverLate: Change = (context) => {
  const { attempt } = context.state
  if (!attempt) return context
  return { ...context, state: { ...context.state, attempt: without(attempt, 'verifyBy') } }
}

const unedited: Change = (context) =>
  eachColor(context, ({ workload }) => (workload ? { workload: without(workload, 'found') } : {}))

/** As if no pod read a digest. */
const unpinned: Change = (context) =>
  eachColor(context, ({ workload }) => (workload ? { workload: without(workload, 'pin') } : {}))

const unmarked: Change = (context) =>
  eachColor(context, ({ service }) => (service ? { service: without(service, 'origin') } : {}))

const longWatched: Change = (context) => ({
  ...context,
  observation: { ...context.observation, firstReconcile: 'No' },
})

/** As if the last reading were one of now. */
const sighted: Change = (context) => {
  const { pointer } = context.observation
  if (pointer.type !== 'Read' || !pointer.outdated) return context
  const observation = { ...context.observation, pointer: without(pointer, 'outdated') }
  return { ...context, observation, serving: servingColors(context.view) }
}

const ownPartsOnly: Change = (context) => {
  const idle = context.live && otherColor(context.live)
  const colors = idle ? { ...context.state.colors, [idle]: { idleSince: 0 } } : {}
  return { ...context, serving: servingColors(context.view), state: { ...context.state, colors } }
}

const unknownDistribution: Change = (context) => {
  const { pointer } = context.observation
  if (pointer.type !== 'Read') return context
  return { ...context, observation: { ...context.observation, pointer: without(pointer, 'distribution') } }
}

const unpaced: Change = (context) => {
  const { pointer } = context.observation
  if (pointer.type !== 'Read') return context
  return { ...context, observation: { ...context.observation, pointer: without(pointer, 'writableAt') } }
}

const anHourLater: Change = (context) => ({
  ...context,
  observation: { ...context.observation, now: context.observation.now + 3_600_000 },
})

/** As if what the gates said before the first share of the clients was said now. */
const passedAfterStep: Change = (context) => {
  const { attempt, canary, gates } = context.state
  if (!attempt || !canary || !gates) return context
  const key = `${keyOf(attempt)}${AFTER}${canary.weight}`
  return { ...context, state: { ...context.state, gates: { ...gates, key } } }
}

const unshared: Change = (context) => {
  const { pointer } = context.observation
  const state = without(context.state, 'canary')
  if (pointer.type !== 'Read') return { ...context, state }
  return {
    ...propagated(context),
    state,
    observation: { ...context.observation, pointer: without(pointer, 'canary') },
  }
}

const withoutFallback: Change = (context) => {
  const { pointer } = context.observation
  if (pointer.type !== 'Read') return context
  const observation = { ...context.observation, pointer: without(pointer, 'fallback') }
  return ownPartsOnly({ ...context, observation })
}

const withoutSteps: Change = (context) => {
  const { release } = context.observation
  const { cloudFrontKeyValueStore: store } = release.spec.traffic
  if (!store) return context
  const traffic = { ...release.spec.traffic, cloudFrontKeyValueStore: without(store, 'canary') }
  return {
    ...context,
    observation: { ...context.observation, release: { ...release, spec: { ...release.spec, traffic } } },
  }
}

const asServers: Change = (context) => {
  const revisions = context.observation.revisions.map((one) => ({ ...one, identity: 'Headers' as const }))
  return { ...context, observation: { ...context.observation, revisions } }
}

function withoutHaste(context: PlanContext): Decision {
  return context.state.attempt && propagating(context)
    ? propagating(context)
    : RULES.advance.alreadyLive(context)
}

function unnamed(context: PlanContext): Decision {
  const found = RULES.advance.building(context)
  if (found?.action?.type !== 'StoreRevision') return found
  return { ...found, action: { ...found.action, stored: { ...found.action.stored, identity: 'None' } } }
}

/** As if an attempt were known by nothing but the hash of its spec as the API server returns it. */
const literal: Change = (context) => {
  const { spec, status } = context.observation.release
  const isNew = status?.attempt?.id !== attemptIdOf(spec)
  return { ...context, wantedAttempt: isNew ? attemptIdOf(spec) : context.wantedAttempt }
}

/** As if a number that nobody gives were one. */
const oneWhereLeftOut: Change = (context) => {
  const { release } = context.observation
  const spec = { ...release.spec, replicas: release.spec.replicas ?? 1 }
  return { ...context, observation: { ...context.observation, release: { ...release, spec } } }
}

/** As if every number were about what is live. */
const ofWhatIsLive: Change = (context) => {
  const { attempt } = context.state
  if (!attempt) return context
  const state = { ...context.state, attempt: without(attempt, 'replicas') }
  return { ...context, state, wantedAttempt: attempt.id }
}

/** As if nobody were ever to be led anywhere. */
const unattempted: Change = (context) => ({ ...context, state: without(context.state, 'attempt', 'intent') })

/** As if nobody else had budgets. */
const aloneWithBudgets: Change = (context) => eachColor(context, () => ({ otherBudgets: [] }))

/** As if pods were never missing for lack of room. */
const roomy: Change = (context) =>
  eachColor(context, ({ workload }) => (workload ? { workload: without(workload, 'trouble') } : {}))

/** As if whatever is ready now had been so for ever. */
const longReady: Change = (context) => {
  const { release } = context.observation
  const spec = { ...release.spec, minReadySeconds: 0 }
  return { ...context, observation: { ...context.observation, release: { ...release, spec } } }
}

/** As if what the gates found was about the pods as they are now. */
const askedAsTheyAre: Change = (context) => {
  const { attempt, colors, gates } = context.state
  const goal = attempt && goalOf(context, attempt)
  if (!gates || !goal) return context
  const fingerprint = colors[goal]?.fingerprint ?? ''
  return { ...context, state: { ...context.state, gates: { ...gates, fingerprint } } }
}

/** As if what fails for a moment had lasted. */
const lasting: Change = (context) => {
  const { live, state } = context
  const since = '2026-01-01T00:00:00Z'
  return live
    ? { ...context, state: { ...state, liveFailure: { color: live, since, lasting: 'it fails' } } }
    : context
}

/** As if whatever pods have ever been through had been of late. */
const neverWell: Change = (context) => {
  const changed = lasting(context)
  const colors = Object.fromEntries(
    Object.entries(changed.state.colors).map(([color, known]) => [color, without(known, 'restarts')]),
  )
  return { ...changed, state: { ...changed.state, colors } }
}

/** As if no return had been begun for it. */
const neverReturned: Change = (context) => {
  const { liveFailure } = context.state
  if (!liveFailure) return context
  return { ...context, state: { ...context.state, liveFailure: without(liveFailure, 'returned') } }
}

/** As if no revision had ever been proven to users. */
const neverPromoted: Change = (context) => ({ ...context, state: { ...context.state, history: [] } })

const returning: Change = (context) => {
  const { release } = context.observation
  const spec = { ...release.spec, liveFailurePolicy: 'ReturnWhileWarm' as const }
  return { ...context, observation: { ...context.observation, release: { ...release, spec } } }
}

/** As if the deadline had never been put off. */
const neverHeld: Change = (context) => {
  const { attempt } = context.state
  if (!attempt) return context
  const { deadline, ...rest } = without(attempt, 'heldSince')
  const { progressDeadlineSeconds } = context.observation.release.spec
  const first = new Date(Date.parse(attempt.startedAt) + progressDeadlineSeconds * 1000).toISOString()
  return {
    ...context,
    state: { ...context.state, attempt: { ...rest, deadline: first < deadline ? first : deadline } },
  }
}

const GUARDS: Record<string, { rules: Rules; story: string }> = {
  'pods that come after the gates load whatever they find': {
    rules: blinded(['switching'], unpinned),
    story: 'file-replaced-under-live',
  },
  'readiness is not read again at the switch': {
    rules: blinded(['switching'], readyOncePassed),
    story: 'candidate-falls-ill',
  },
  'users are led back for a moment without a ready pod': {
    rules: blinded(['liveFailed'], lasting),
    story: 'live-drained-while-warm',
  },
  'users are led back for what pods have been through long ago': {
    rules: blinded(['liveFailed'], neverWell),
    story: 'live-crashed-long-ago',
  },
  'users are led back again and again': {
    rules: blinded(['liveFailed'], neverReturned),
    story: 'live-falls-while-both-are-wrong',
  },
  'the only color that answers is taken for another spec': {
    rules: blinded(['colorTaken'], neverPromoted),
    story: 'live-falls-and-third-spec',
  },
  'the only color that answers is taken where the spec asks to be told only': {
    rules: blinded(['colorTaken'], neverPromoted),
    story: 'live-falls-and-is-told-and-third-spec',
  },
  'users are led back though the spec asks to be told only': {
    rules: blinded(['liveFailed'], returning),
    story: 'live-falls-and-is-told',
  },
  'the deadline runs while a person mends what stalls': {
    rules: blinded(['switching'], neverHeld),
    story: 'name-taken-and-freed',
  },
  'other gates of what is live are believed without asking': {
    rules: blinded(['alreadyLive'], gatesPassed),
    story: 'gates-of-what-is-live',
  },
  'ready for a moment is enough': {
    rules: blinded(['switching'], longReady),
    story: 'ready-for-a-moment',
  },
  'ready for a moment is enough, and a sidecar need not be up': {
    rules: blinded(['switching'], longReady),
    story: 'sidecar-that-ends',
  },
  'a pod that has restarted since its gates is not asked again': {
    rules: blinded(['switching'], askedAsTheyAre),
    story: 'restarts-after-its-gates',
  },
  'the gates are believed without asking': {
    rules: blinded(['switching'], gatesPassed),
    story: 'wrong-answer',
  },
  'who answered the gates does not matter': {
    rules: { ...RULES, advance: { ...RULES.advance, building: unnamed } },
    story: 'impostor',
  },
  'the intent may be older than the pointer': {
    rules: blinded(['switching'], tokenAsWritten),
    story: 'foreign-write-before-move',
  },
  'an edge that does not follow yet is not waited for': {
    rules: blinded(['alreadyLive', 'rollingBack', 'pointerMustPropagate'], propagated),
    story: 'promote',
  },
  'a color is taken before its last answers are out': {
    rules: blinded(['colorTaken'], aMinuteLater),
    story: 'superseded-while-propagating',
  },
  'any container is believed to finish what it answers': {
    rules: blinded(['colorTaken', 'retiring'], asServers),
    story: 'hotfix-of-a-container',
  },
  'the old color does not stay warm': { rules: blinded(['retiring'], noRetireDelay), story: 'promote' },
  'the live color shrinks while the pointer moves': {
    rules: blinded(['liveSizeDiffers'], atRest),
    story: 'scaled-during-release',
  },
  'the old color shrinks while edges use it': {
    rules: blinded(['idleSizeDiffers'], propagated),
    story: 'old-color-scaled-by-hand',
  },
  'the target of a return is believed to be right': {
    rules: blinded(['rollingBack'], gatesPassed),
    story: 'both-broken',
  },
  'a return is begun though nothing can take over': {
    rules: blinded(['alreadyLive'], twinned),
    story: 'first-release-wrong',
  },
  'a color that is not complete is taken for one to return to': {
    rules: blinded(['alreadyLive'], everyPodReady),
    story: 'wrong-while-old-is-down',
  },
  'what is kept for a look keeps its room': {
    rules: blinded(['failedCandidate'], roomy),
    story: 'kept-candidate-makes-room',
  },
  'the warm color stays where the live one lacks room': {
    rules: blinded(['retiring'], roomy),
    story: 'warm-color-makes-room',
  },
  'the budget comes after the switch': {
    rules: blinded(['budgetDiffers'], unattempted),
    story: 'nodes-drained-in-a-switch',
  },
  'pods have a budget of somebody else and ours': {
    rules: blinded(['budgetDiffers'], aloneWithBudgets),
    story: 'budget-of-the-user',
  },
  'a number that is left out is one': {
    rules: blinded(['liveSizeDiffers', 'idleSizeDiffers', 'liveWorkloadGone'], oneWhereLeftOut),
    story: 'replicas-left-out',
  },
  'what is live shrinks for a revision that is not live yet': {
    rules: blinded(['liveSizeDiffers', 'idleSizeDiffers'], ofWhatIsLive),
    story: 'shrinks-with-new-revision',
  },
  ...Object.fromEntries(
    [
      ...[
        'when-promoted',
        'after-undo',
        'after-return',
        'after-failure',
        'after-abort',
        'while-building',
      ].map((when) => `schema-grows-${when}`),
      'written-otherwise',
    ].map((story) => [
      `an attempt is known by its hash only (${story})`,
      { rules: blinded(['specChanged'], literal), story },
    ]),
  ),
  'a return waits for every pod of the old color': {
    rules: blinded(['alreadyLive', 'rollingBack'], wholeOrNothing),
    story: 'wrong-while-old-is-small',
  },
  'an undo waits for every pod of the old color': {
    rules: blinded(['commandGiven', 'rollingBack'], wholeOrNothing),
    story: 'undo-to-small',
  },
  'an undo waits for the pods of a scale-up': {
    rules: blinded(['commandGiven', 'rollingBack'], wholeOrNothing),
    story: 'undo-after-scale-up',
  },
  'a pointer that is gone waits for every pod': {
    rules: blinded(['pointerGone'], wholeOrNothing),
    story: 'pointer-service-deleted-while-small',
  },
  'a wrong answer is forgotten when the next does not come': {
    rules: blinded(['alreadyLive'], neverLate),
    story: 'first-release-wrong',
  },
  'the warm color retires beside a broken live one': {
    rules: blinded(['retiring'], everyPodReady),
    story: 'live-breaks-before-retirement',
  },
  'what serves behind an older pointer is forgotten': {
    rules: blinded(['colorTaken'], unmarked),
    story: 'pointer-and-model-changed',
  },
  'what failed behind a new pointer is removed': {
    rules: blinded(['failedCandidate'], unmarked),
    story: 'pointer-changed-and-failed',
  },
  'what was read before a failure is believed': {
    rules: blinded(['pointerUnreadable', 'retiring'], sighted),
    story: 'pointer-throttled',
  },
  'a behavior that is not of the release counts for nothing': {
    rules: blinded(['retiring'], ownPartsOnly),
    story: 'behavior-dropped',
  },
  'moves keep no distance': { rules: blinded(['switching'], unpaced), story: 'moves-spaced' },
  'the way from the distribution to the candidate is not asked': {
    rules: blinded(['switching'], unknownDistribution),
    story: 'origin-leads-nowhere',
  },
  'caches are emptied while edges still fill them': {
    rules: blinded(['alreadyLive', 'pointerMustPropagate'], propagated),
    story: 'caches-invalidated',
  },
  'a key is verified only when it has propagated': {
    rules: { ...RULES, advance: { ...RULES.advance, alreadyLive: withoutHaste } },
    story: 'key-wrong-through-edges',
  },
  'a step of a canary is not held': { rules: blinded(['canarying'], anHourLater), story: 'canary' },
  'the gates that passed before a canary are believed after a step': {
    rules: blinded(['canarying'], passedAfterStep),
    story: 'canary-gate-fails',
  },
  'a share of the clients counts for nothing': {
    rules: blinded(['specChanged', 'canaryWithdrawn', 'canaryFailed', 'pointerMustPropagate'], unshared),
    story: 'canary-new-spec',
  },
  'what the behaviors name behind a key counts for nothing': {
    rules: blinded(['retiring', 'fallbackBehind'], withoutFallback),
    story: 'key-promote',
  },
  'clients are brought back to where nobody answers': {
    rules: blinded(['rollingBack'], everyPodReady),
    story: 'canary-both-ill',
  },
  'all clients are sent at once': { rules: blinded(['switching'], withoutSteps), story: 'canary' },
  'pods that somebody edited are taken for those that were proven': {
    rules: blinded(['rollingBack'], unedited),
    story: 'warm-template-edited',
  },
  'time that nobody watched in a step counts': {
    rules: blinded(['canarying'], longWatched),
    story: 'canary-without-gates',
  },
  'time that nobody watched counts': {
    rules: blinded(['switching'], longWatched),
    story: 'operator-stopped',
  },
}

describe('a guard taken away', () => {
  test.each(Object.entries(GUARDS))('%s', async (_name, { rules, story }) => {
    expect(await wrongWith(story, rules)).toBeDefined()
  })

  test('the rules as shipped are told from these', async () => {
    expect(await wrongWith('candidate-falls-ill', RULES)).toBeUndefined()
  })
})
