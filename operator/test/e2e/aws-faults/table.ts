/** The faults of CloudFront and AWS that are put to the real operator: docs/faults.md is made of it, and each is a test. */

export type Fault = {
  /** What happens. */
  inject: string
  /** What the operator does about it. */
  expect: string
  /** What stands in the status meanwhile, or in the end. */
  told: string
  /** What an operator did in whose place this test failed: "it …". */
  broken: string
}

export const FAULTS = {
  'F1 another writer': {
    inject: 'Somebody else writes to the distribution between our read and our `UpdateDistribution` (412).',
    expect:
      'Read again, decided again, written once; what the other wrote stays, and nothing but our targets changes.',
    told: 'Nothing: it is promoted.',
    broken: 'sends a refused update once more, with the newest ETag',
  },
  'F2 drift, Warn': {
    inject: 'Somebody else (Terraform) moves the pointer back to the old color while that is warm.',
    expect: 'It is told and left alone, both colors are kept; the command `retry` brings it back.',
    told: '`Drifted` and `Stalled`: `PointerMoved`',
    broken: 'repairs drift without being asked to',
  },
  'F2 drift, Repair': {
    inject: 'The same, with `driftPolicy: Repair`.',
    expect: 'It is brought back, by one update, and users are seen once more to be answered by it.',
    told: 'Event `DriftRepaired`',
    broken: 'only tells of drift',
  },
  'F3 lost answer': {
    inject: '`UpdateDistribution` is carried out and its answer is lost.',
    expect: 'The distribution is read, and what stands there is taken up; there is no second write.',
    told: 'Nothing: it is promoted.',
    broken: 'sends a call without an answer once more',
  },
  'F4 crash after the write': {
    inject: 'The operator is killed after AWS carried out the update and before it knows.',
    expect:
      'Its successor finds the intent, sees that it was carried out, goes on; there is no second write.',
    told: 'Nothing: it is promoted.',
    broken: 'carries an intent out without looking',
  },
  'F5 crash before the write': {
    inject: 'The operator is killed after the intent was written and before AWS accepted anything.',
    expect: 'Its successor finds the intent and writes once.',
    told: 'Nothing: it is promoted.',
    broken: 'takes an intent for a move that was made',
  },
  'F6 throttling': {
    inject:
      'AWS throttles for three minutes (`Rate exceeded`): every write, and every read for the first of them.',
    expect: 'Calls come ever more slowly; the release waits and is not failed for it.',
    told: '`Reconciling`: `PointerUnreachable`',
    broken: 'waits no longer after the tenth refusal than after the first',
  },
  'F7 slow propagation': {
    inject: 'The distribution stays `InProgress` for longer than ten minutes.',
    expect:
      'It is told; nothing goes back, and neither color is touched, though the old one is past its time.',
    told: '`TrafficSwitched` and `Reconciling`: `PropagatingSlowly`, and an Event',
    broken: 'takes back what is slow',
  },
  'F8 way back while InProgress': {
    inject: 'The command `abort` comes while edges do not yet follow the switch.',
    expect:
      'The way back is written at once and waits for nothing; both colors are kept until every edge is back.',
    told: '`Aborted`',
    broken: 'has the way back wait until every edge follows',
  },
  'F9 edges disagree': {
    inject: 'Some edges follow the switch, others still lead to the old color.',
    expect: 'Both colors serve; nothing is promoted until the last edge follows, whatever the others answer.',
    told: '`TrafficSwitched`: `Propagating`',
    broken: 'is content with the answers of one edge',
  },
  'F11 cached error': {
    inject:
      'The first answer of the new color through the edge is a 502, which the distribution keeps in its cache.',
    expect:
      'No proof comes in time, so the pointer goes back. The setting was warned about before the switch.',
    told: '`Warned`: `DistributionRisky`, then `Stalled`: `VerifyFailed`',
    broken: 'waits for a proof for ever',
  },
  'F12 access denied': {
    inject: 'IAM refuses `UpdateDistribution` at the switch.',
    expect: 'It is asked again about every minute, and gone on with once it is allowed.',
    told: '`Stalled`: `AccessDenied`, naming the action',
    broken: 'never asks again for what was refused, or does so without a pause',
  },
  'F14 distribution disabled': {
    inject: 'Somebody disables the distribution.',
    expect: 'Nothing is built, moved or removed until it is enabled again.',
    told: '`Stalled`: `DistributionDisabled`',
    broken: 'does not look whether it is enabled',
  },
  'F14 distribution gone': {
    inject: 'The account has no such distribution any more.',
    expect: 'Nothing is built, moved or removed; it goes on by itself when the distribution is there again.',
    told: '`Stalled`: `DistributionNotFound`',
    broken: 'takes what is gone for a pointer that names nothing yet',
  },
  'F15 origin gone': {
    inject: 'Somebody removes the origin of the idle color from the distribution.',
    expect: 'No pod is created; it goes on by itself when the origin is back.',
    told: '`Stalled`: `OriginNotFound`',
    broken: 'does not look at the origins first',
  },
  'F16 continuous deployment': {
    inject: 'Somebody else attaches a continuous deployment policy with a staging distribution.',
    expect: 'The switch keeps it.',
    told: 'Nothing: it is promoted.',
    broken: 'leaves the policy out of its update',
  },
  'F17 key race': {
    inject: 'Somebody else writes another key of the store between our read and our `UpdateKeys` (409).',
    expect: 'Read again, decided again, written once; what the other wrote stays, and only our key changes.',
    told: 'Nothing: it is promoted.',
    broken: 'takes a conflict for a refusal',
  },
  'F17 function not associated': {
    inject:
      'The store can be read, and somebody takes the function off the behaviors, so nobody follows the key.',
    expect: 'No pod is created and no key written; it goes on by itself when the function is back.',
    told: '`Stalled`: `FunctionNotAssociated`, naming the behavior',
    broken: 'does not look at the functions',
  },
  'F17 function fails': {
    inject: 'Somebody publishes code of the function that fails for clients of one network.',
    expect:
      'TestFunction finds it: no pod is created and no key written; it goes on by itself when the code is mended.',
    told: '`Stalled`: `FunctionFails`, with what the runtime said',
    broken: 'does not ask TestFunction',
  },
  'F17 denied in a canary': {
    inject: 'A share of the clients is at the candidate, and IAM refuses `UpdateKeys` for the next step.',
    expect:
      'The share stays as it is, and both colors; the step is taken about a minute later, once it is allowed.',
    told: '`Stalled`: `AccessDenied`, naming the action',
    broken: 'never asks again for what was refused, or does so without a pause',
  },
  'F18 target unhealthy': {
    inject: "The candidate's pods run, and the load balancer's readiness gate on them never becomes true.",
    expect: 'No switch; the candidate is given up at its deadline.',
    told: '`Stalled`: `ProgressDeadlineExceeded`, naming the readiness gate',
    broken: 'does not look at readiness gates',
  },
  'F19 no way to the pods': {
    inject: "The candidate's pods are ready, and nothing routes from its Service to them.",
    expect: 'No switch: what nobody answers has not passed. Once there is a way, `retry` succeeds.',
    told: '`GatesPassed`: `NotAnswered`, then `Stalled`: `ProgressDeadlineExceeded`',
    broken: 'takes no answer for a right one',
  },
  'F22 two owners': {
    inject: 'A release of another namespace names the same behaviors of the same distribution.',
    expect: 'It is refused before anything of it is built; the first release goes on.',
    told: '`Stalled`: `BehaviorClaimed`, at the second',
    broken: 'does not look at claims',
  },
} as const satisfies Record<string, Fault>

export type FaultName = keyof typeof FAULTS

const INVARIANTS = [
  'Viewers are answered: at least 99.99 % of their requests, and never nobody for more than two seconds.',
  'The Deployment of a color that an edge leads to, or led to within the time an answer may take, is never made smaller.',
  'The status never claims anything for a generation of the spec that it was not made for.',
  'Once every edge follows, at most one color stands that nobody is led to.',
  'Each accepted move has its intent in the status before it and its outcome after it.',
] as const

/** docs/faults.md. */
export function faultsPage(): string {
  const rows = Object.entries<Fault>(FAULTS).map(
    ([name, { inject, expect, told, broken }]) => `| ${name} | ${inject} | ${expect} | ${told} | ${broken} |`,
  )
  return [
    '<!-- Generated from operator/test/e2e/aws-faults/table.ts by `npm run generate`; do not edit. -->',
    '# The fault suite',
    'What happens when CloudFront or AWS fail, are slow, refuse, or are changed by somebody else. Each row is a test of the same name (`operator/test/e2e/aws-faults.e2e.test.ts`, in `make test-all`; `make test` plays a few of them): a real cluster, the operator in its pods as it is shipped, the emulator for CloudFront over the wire, and viewers who keep asking through its edges. Users see none of it: in every row the old color or the new one answers them, and after every row the same five invariants must have held, as seen by the viewers, by a watch of the API server and in the audit log of the emulator:',
    INVARIANTS.map((text, index) => `${index + 1}. ${text}`).join('\n'),
    'One function checks them (`operator/test/e2e/aws-faults/invariants.ts`), and its unit tests break each of them.',
    'A machine that has no time is no fault of the operator. While the suite runs, `demo/stall-meter.ts` samples what the kernel counts for the load generators, the edges and the model servers: how long each ran, and waited for a processor. From when one of them cannot keep up for want of a processor until it rests again, the machine stood still. Gaps are judged without that time; a timeout for the most of which the machine stood still is counted and not judged. A process that hangs, sleeps or spins waits for no processor, so what it does to viewers is always judged, and a refusal, a reset or a wrong answer is never excused. A row that lost more than a fifth of its time in this way is played again, twice at most, and then fails as too busy to judge. Deadlines count the time in which the machine ran (`demo/deadline.ts`).',
    `| Fault | What happens | What the operator does | What it says | Fails where the operator |\n| --- | --- | --- | --- | --- |\n${rows.join('\n')}`,
    'The last column tells that each test can fail: it was run against an operator that differs from ours in that one point, and failed for it.',
    'Time is shortened in three places: the ten minutes of a slow propagation are dated back in the status, moves of one distribution keep a distance of one second instead of thirty, and edges are taken to follow a key after three seconds instead of sixty. That a distribution is disabled is tested before any edge follows; where every edge does, CloudFront answers nobody, and no operator can.',
    'Faults of the cluster, of the operator itself and of whoever writes specs are put to the rules in a simulated world, every one at every write (`operator/test/simulation/stories.ts`, `faults-at-*-writes.test.ts`, `random-walks.test.ts`), and the worst of them end to end (`operator/test/e2e/releases.e2e.test.ts`). What happens to bad input: [bad-input.md](bad-input.md).',
  ].join('\n\n')
}
