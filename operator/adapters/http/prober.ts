/** Proofs by real requests: gates against every pod of a candidate, and verification through the edges. */
import { IDENTITY_HEADER } from '../../api/names.ts'
import type { Gate, GateResult, Request } from '../../api/release.ts'
import { fieldOfGate } from '../../planner/checks/credentials.ts'
import { evaluate, judgeIdentity, MAX_MESSAGE, type Verdict } from '../../planner/checks/answer.ts'
import { counted, oneLine, shorten } from '../../api/text.ts'
import type {
  ProbeAnswer,
  ActionResult,
  Action,
  Target,
  VerifyResult,
} from '../../planner/model/observation.ts'
import { plainlyHidden, redacted, type Hidden } from '../../planner/output/redaction.ts'
import { Credentials, type Answerable, type ReadSecret } from './credentials.ts'
import type { HttpProbe, Prober } from '../../ports/ports.ts'

type RunGates = Extract<Action, { type: 'RunGates' }>
type Verify = Extract<Action, { type: 'Verify' }>
type GatesRan = Extract<ActionResult, { type: 'GatesRan' }>

/** Enough to keep a gate of many pods short, few enough that a color is not loaded by its own proof. */
const MAX_TARGETS_AT_ONCE = 8
/** A reconcile that verifies does nothing else for the release meanwhile, so an edge that is silent must not hold it long. */
const VERIFY_TIMEOUT_MS = 10_000
/** What it has loaded is told from memory. */
const DIGEST_TIMEOUT_MS = 5000

/** One gate asked of one target. */
type Finding = { gate: string; target: string; verdict: Verdict }
/** What one target gave: a finding per gate, and the digests that its answers named. */
type Round = { findings: Finding[]; digests: Map<string, string> }

/** A run of gates with what it may send. */
interface Run {
  ask: HttpProbe
  step: RunGates
  /** By request, with the values of its headers; a gate that is not here cannot be asked. */
  headers: ReadonlyMap<Request, Answerable>
}

/** Asks and waits for all answers. What stands in Secrets is read anew for each run. */
export function createProber(ask: HttpProbe, readSecret?: ReadSecret): Prober<never> {
  return {
    runGates: async (step) => {
      const { headers, unasked } = await openHeaders(step, new Credentials(readSecret))
      if (unasked.length > 0 && step.direction !== 'Back') return notAsked(step, unasked)
      // What has served is not kept from those who need it because a Secret of its gates is gone.
      const asked = { ...step, gates: step.gates.filter(({ smoke }) => headers.has(smoke.request)) }
      return withResults(await runGates({ ask, step: asked, headers }), unasked)
    },
    verify: async (step) => ({
      type: 'Verified',
      result: await askEdges(ask, step, new Credentials(readSecret)),
    }),
  }
}

async function runGates(run: Run): Promise<GatesRan> {
  const { step } = run
  const targets = [...step.pods, step.service, ...(step.origin ? [step.origin] : [])]
  const rounds = await inParallel(targets, MAX_TARGETS_AT_ONCE, (target) => askTarget(run, target))
  const { results, ...digest } = sum(step, rounds)
  const outdated = isProven(results) ? await askAfterMove(run) : []
  return {
    type: 'GatesRan',
    key: step.key,
    pods: step.pods.map(({ name }) => name),
    results: [...results, ...outdated],
    ...digest,
  }
}

/** Of all that is asked now, and of what will be asked after the move; why what is not there cannot be asked. */
async function openHeaders(
  { gates, afterMove, credentialsAfterMove }: RunGates,
  credentials: Credentials,
): Promise<{ headers: Run['headers']; unasked: GateResult[] }> {
  const headers = new Map<Request, Answerable>()
  const unasked: GateResult[] = []
  const note = (name: string, problem: string): void => {
    unasked.push({ name, result: 'NotAsked', message: `not asked: ${problem}` })
  }
  for (const { name, smoke } of gates) {
    const opened = await credentials.open({ field: fieldOfGate(name), headers: smoke.request.headers ?? [] })
    if ('problem' in opened) note(name, opened.problem)
    else headers.set(smoke.request, opened)
  }
  if (credentialsAfterMove) {
    const opened = await credentials.open(credentialsAfterMove)
    if ('problem' in opened) note(credentialsAfterMove.field, opened.problem)
    else if (afterMove) headers.set(afterMove.gate.smoke.request, opened)
  }
  return { headers, unasked }
}

/** Nothing is asked while something could not be: no answer would be enough. */
function notAsked({ gates, key, pods }: RunGates, unasked: GateResult[]): GatesRan {
  const [first] = unasked
  const others = gates
    .filter(({ name }) => !unasked.some((one) => one.name === name))
    .map(({ name }) => ({ name, message: `not asked, because gate ${first?.name ?? ''} cannot be` }))
  return {
    type: 'GatesRan',
    key,
    pods: pods.map(({ name }) => name),
    results: [...unasked, ...others].map((one) => ({ ...one, result: 'Unknown' })),
    unasked: 'Yes',
  }
}

function withResults(ran: GatesRan, unasked: readonly GateResult[]): GatesRan {
  return { ...ran, results: [...ran.results, ...unasked] }
}

/**
 * The expectation of `verify` asked of a pod. Users come by other paths than this request, perhaps: so it says something only
 * where what is live meets it here, with the same status, and the candidate does not.
 */
async function askAfterMove({ ask, step, headers }: Run): Promise<GateResult[]> {
  const { afterMove, pods } = step
  const [pod] = pods
  if (!afterMove || !pod) return []
  const { gate, live } = afterMove
  const { request, expect, timeoutSeconds } = gate.smoke
  const judged = async (target: Target): Promise<Verdict & { status?: number }> => {
    const { question, secrets } = toQuestion(target, request, headers.get(request))
    const answer = await ask({ ...question, timeoutMs: timeoutSeconds * 1000, to: 'Candidate' })
    const verdict = evaluate(answer, expect, { secrets, from: 'Candidate' })
    return answer.type === 'Answered' ? { ...verdict, status: answer.status } : verdict
  }
  const found = await judged(pod)
  if (found.type !== 'Failed' || found.status !== expect.status) return []
  if ((await judged(live)).type !== 'Passed') return []
  const message = shorten(
    `expect holds for what is live, and not for the candidate: ${found.message}: bring it in line with the new version`,
    MAX_MESSAGE,
  )
  return [{ name: gate.name, result: 'Failed', target: pod.name, message }]
}

/** Gates of one target run one after the other: a model that is loaded by one must not miss the deadline of the next. */
async function askTarget(run: Run, target: Target): Promise<Round> {
  const round: Round = { findings: [], digests: new Map() }
  let silent: string | undefined
  for (const gate of run.step.gates) {
    const verdict = silent
      ? ({ type: 'Unknown', message: `not asked, because gate ${silent} got no usable answer` } as const)
      : await askGate(run, { gate, target, digests: round.digests })
    round.findings.push({ gate: gate.name, target: target.name, verdict })
    // A target that does not answer one gate would make each of the others wait for its whole timeout.
    if (verdict.type === 'Unknown') silent ??= gate.name
  }
  const { digest, pods } = run.step
  if (silent === undefined && digest && pods.includes(target)) await askDigest(run, target, round)
  return round
}

/** Every answer of the model server names what it has loaded; where no gate's did, this one does. */
async function askDigest({ ask }: Run, target: Target, { digests }: Round): Promise<void> {
  if (digests.size > 0) return
  const url = `${target.origin}/v2/health/ready`
  const question = { url, method: 'GET', headers: {}, timeoutMs: DIGEST_TIMEOUT_MS } as const
  noteDigest(await ask({ ...question, to: 'Candidate' }), { target, digests, secrets: [] })
}

type GateOfTarget = { gate: Gate; target: Target; digests: Map<string, string> }

async function askGate(
  { ask, step, headers }: Run,
  { gate, target, digests }: GateOfTarget,
): Promise<Verdict> {
  const { request, expect, consecutive, timeoutSeconds } = gate.smoke
  const { through } = target
  // The spec chose by which name the origin is reached; pods and Service are at addresses that the cluster gave them.
  const from = target === step.origin ? 'Named' : 'Candidate'
  const { question, secrets } = toQuestion(target, request, headers.get(request))
  const circumstances = { revision: step.expectRevision, secrets, through, from } as const
  for (let right = 0; right < consecutive; right += 1) {
    const answer = await ask({ ...question, timeoutMs: timeoutSeconds * 1000, to: from })
    const verdict = evaluate(withField(answer, { step, gate, target }), expect, circumstances)
    if (verdict.type !== 'Unknown') noteDigest(answer, { target, digests, secrets })
    if (verdict.type !== 'Passed') return verdict
  }
  // A count of zero must not be a proof; the schema forbids it, but this is where it would matter.
  return consecutive > 0 ? { type: 'Passed' } : { type: 'Unknown', message: 'nothing was asked' }
}

/** Of an answer that did not come, the field that decides it. */
function withField(
  answer: ProbeAnswer,
  { step, gate, target }: { step: RunGates; gate: Gate; target: Target },
): ProbeAnswer {
  if (answer.type === 'Answered') return answer
  const { message } = answer
  if (message.startsWith('no answer from'))
    return { ...answer, message: `${message} (smoke.timeoutSeconds of gate "${gate.name}")` }
  if (!/refuses the connection|no route to/.test(message)) return answer
  if (target === step.service)
    return {
      ...answer,
      message: `${target.name} has no endpoints yet, or nothing listens behind it: ${message}`,
    }
  if (!step.pods.includes(target)) return answer
  const { port } = new URL(target.origin)
  return { ...answer, message: `nothing listens at spec.port (${port || 80}) of the pod: ${message}` }
}

/** A digest goes into the status as it is, so it must not be what the request carried. */
function noteDigest(
  answer: ProbeAnswer,
  { target, digests, secrets }: { target: Target; digests: Map<string, string>; secrets: Hidden },
): void {
  const digest = answer.type === 'Answered' ? answer.headers[IDENTITY_HEADER.digest] : undefined
  if (digest === undefined || digests.has(digest) || redacted(digest, secrets) !== digest) return
  digests.set(digest, target.name)
}

function sum(step: RunGates, rounds: Round[]): { results: GateResult[]; digest?: string } {
  const { gates, pods, service, origin } = step
  const findings = rounds.flatMap((round) => round.findings)
  const digests = new Map<string, string>()
  for (const [digest, target] of rounds.flatMap((round) => [...round.digests]))
    if (!digests.has(digest)) digests.set(digest, target)
  const results = gates.map(({ name }) => {
    const ofGate = findings.filter(({ gate }) => gate === name)
    const result = toResult(name, ofGate)
    if (result.result !== 'Passed') return result
    // Through the Service alone nothing is proven of any pod.
    if (pods.length === 0) return { name, result: 'Unknown' as const, message: 'no pod to ask' }
    if (digests.size > 1) return { name, ...disagreement(digests) }
    const others = [service.name, ...(origin ? [origin.name] : [])].join(' and ')
    return { ...result, message: `as expected from ${counted(pods.length, 'pod')} and ${others}` }
  })
  const unidentified = isProven(results) ? ofDigests({ step, rounds, digests }) : []
  const [digest] = digests.keys()
  return {
    results: [...results, ...unidentified],
    ...(digests.size === 1 && digest !== undefined ? { digest } : {}),
  }
}

/** A wrong answer of any target decides; otherwise one that proved nothing; the first in the order of the targets. */
function toResult(name: string, findings: Finding[]): GateResult {
  const deciding =
    findings.find(({ verdict }) => verdict.type === 'Failed') ??
    findings.find(({ verdict }) => verdict.type === 'Unknown')
  if (!deciding || deciding.verdict.type === 'Passed') return { name, result: 'Passed' }
  return {
    name,
    result: deciding.verdict.type,
    target: deciding.target,
    message: deciding.verdict.message,
  }
}

function isProven(results: readonly GateResult[]): boolean {
  return results.every(({ result }) => result === 'Passed')
}

type Digests = { step: RunGates; rounds: readonly Round[]; digests: Map<string, string> }

/** What is to be pinned must be the same in every pod: one that does not say what it has loaded may have anything. */
function ofDigests({ step: { digest, pods }, rounds, digests }: Digests): GateResult[] {
  // A server that never says so has no digest that could be pinned.
  if (!digest || digests.size === 0) return []
  if (digests.size > 1) return [{ name: DIGEST_GATE, ...disagreement(digests) }]
  const silent = pods.find((_pod, index) => rounds[index]?.digests.size === 0)
  if (!silent) return []
  const message = 'it did not say which model it has loaded, and other pods did'
  return [{ name: DIGEST_GATE, result: 'Unknown', target: silent.name, message }]
}

/** What a comparison is called among the gates that nobody wrote. */
const DIGEST_GATE = 'model digest'

function disagreement(digests: Map<string, string>): Omit<GateResult, 'name'> {
  const who = [...digests].map(([digest, target]) => `${shorten(oneLine(digest), 20)} from ${target}`)
  return {
    result: 'Failed',
    message: shorten(`different models answered: ${who.join(', ')}`, MAX_MESSAGE),
  }
}

async function askEdges(ask: HttpProbe, step: Verify, credentials: Credentials): Promise<VerifyResult> {
  const { target, request, expect, consecutive, revision, identity } = step
  const opened = await credentials.open({ field: step.field, headers: request.headers ?? [] })
  if ('problem' in opened) return { type: 'Unknown', message: `not asked: ${opened.problem}` }
  const timeoutMs = Math.max(VERIFY_TIMEOUT_MS, expect?.maxLatencyMilliseconds ?? 0)
  const { question, secrets } = toQuestion(target, request, opened)
  for (let right = 0; right < consecutive; right += 1) {
    const answer = await ask({ ...question, timeoutMs, to: 'Named' })
    const result = judgeIdentity(answer, { revision, expect, identity }, secrets)
    if (result.type !== 'New') return result
  }
  return consecutive > 0 ? { type: 'New' } : { type: 'Unknown', message: 'nothing was asked' }
}

/** What is sent, and what of it nobody may read in a message. */
interface Sent {
  question: Omit<Parameters<HttpProbe>[0], 'timeoutMs' | 'to'>
  secrets: Hidden
}

function toQuestion(
  target: Target,
  request: Request,
  opened: Answerable = { headers: [], hidden: [] },
): Sent {
  const { method, path, json } = request
  const body = json === undefined ? request.body : JSON.stringify(json)
  const own = target.headers ?? []
  const headers = Object.fromEntries(
    [...opened.headers, ...own].map(({ name, value }) => [name.toLowerCase(), value]),
  )
  if (json !== undefined) headers['content-type'] ??= 'application/json'
  const question = { url: `${target.origin}${target.path ?? ''}${path}`, method, headers }
  return {
    question: body === undefined ? question : { ...question, body },
    secrets: [...opened.hidden, ...plainlyHidden(own)],
  }
}

/** Results in the order of the items; at most `most` tasks run at a time. */
async function inParallel<Item, Result>(
  items: readonly Item[],
  most: number,
  task: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const waiting = items.entries()
  const work = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await task(item)
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, work))
  return results
}
