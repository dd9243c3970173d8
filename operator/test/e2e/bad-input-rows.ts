/** Bad input, and what becomes of it: docs/bad-input.md is made of it, and a test per row puts it to the real operator. */
import { without } from '../../planner/state/persisted-state.ts'
import { dashboard, type WrittenRelease, type WrittenSpec } from '../../../demo/housing.ts'

/** The release as it stands, or a new one beside it. */
type Target = 'Live' | 'New'

/** How the bad input ends. */
export type Answer =
  /** Nothing is stored; the API server refuses it, whatever the client. `words` are part of what is said. */
  | { type: 'Refused'; words: string }
  /** Nothing is stored: kubectl has an API server from 1.25 on check it, and checks it itself before an older one. */
  | { type: 'RefusedForKubectl'; words: string; before125: string }
  /** Refused by API servers from 1.25 on; older ones store it, and the operator stalls with this message. */
  | { type: 'RefusedFrom125'; words: string; reason: 'InvalidSpec'; message: string }
  /** Stored, and `Stalled` with this reason and message. */
  | { type: 'Stalled'; reason: string; message: string }

export type Row = {
  input: string
  target: Target
  /** The fields that are bad, as they would be written. */
  fields: string
  edit: (good: WrittenRelease) => WrittenRelease
  answer: Answer
}

function withSpec(good: WrittenRelease, changes: WrittenSpec | Record<string, unknown>): WrittenRelease {
  return { ...good, spec: { ...good.spec, ...changes } }
}

function withModel(good: WrittenRelease, changes: WrittenSpec['model'] & object): WrittenRelease {
  return withSpec(good, { model: { ...good.spec.model, ...changes } })
}

type Written = NonNullable<NonNullable<WrittenSpec['traffic']>['cloudFrontDistribution']>

function withDistribution(good: WrittenRelease, changes: Written): WrittenRelease {
  const { traffic } = good.spec
  const cloudFrontDistribution = { ...traffic?.cloudFrontDistribution, ...changes }
  return withSpec(good, { traffic: { ...traffic, cloudFrontDistribution } })
}

/** A container without the probe that would say when it can answer. */
function withoutProbe(good: WrittenRelease): WrittenRelease {
  const { template } = dashboard('1').spec
  const bare = structuredClone(template) as { spec: { containers: { readinessProbe?: unknown }[] } }
  for (const container of bare.spec.containers) delete container.readinessProbe
  return withDistribution(withSpec(withoutModel(good), { template: bare, gates: [] }), {
    verify: { type: 'DeployedOnly' },
  })
}

function withoutModel(good: WrittenRelease): WrittenRelease {
  return { ...good, spec: without(good.spec, 'model') }
}

const ABSENT_IMAGE = '127.0.0.1:1/absent:1'
const OTHER_DIGEST = 'f'.repeat(64)
/** The shortest there is. */
const DEADLINE = { progressDeadlineSeconds: 10 }

export const ROWS: readonly Row[] = [
  {
    input: 'misspelt field',
    target: 'Live',
    fields: 'spec.replica: 3',
    edit: (good) => withSpec(good, { replica: 3 }),
    answer: {
      type: 'RefusedForKubectl',
      words: 'strict decoding error: unknown field "spec.replica"',
      before125: 'unknown field "replica"',
    },
  },
  {
    input: 'unusable smoke path',
    target: 'Live',
    fields: 'spec.gates[0].smoke.request.path: predict',
    edit: (good) =>
      withSpec(good, { gates: [{ name: 'bad', smoke: { request: { path: 'predict' } } }] as never }),
    answer: {
      type: 'Refused',
      words: 'smoke.request.path in body should match',
    },
  },
  {
    input: 'port out of range',
    target: 'Live',
    fields: 'spec.port: 70000',
    edit: (good) => withSpec(good, { port: 70_000 }),
    answer: {
      type: 'Refused',
      words: 'spec.port in body should be less than or equal to 65535',
    },
  },
  {
    input: 'both model and template',
    target: 'Live',
    fields: 'spec.model and spec.template',
    edit: (good) => withSpec(good, { template: dashboard('1').spec.template }),
    answer: {
      type: 'RefusedFrom125',
      words: 'spec must have exactly one of model or template',
      reason: 'InvalidSpec',
      message:
        'spec.model and spec.template are both set: keep spec.model for the model server, or spec.template for your own container',
    },
  },
  {
    input: 'neither model nor template',
    target: 'Live',
    fields: 'no spec.model, no spec.template',
    edit: withoutModel,
    answer: {
      type: 'RefusedFrom125',
      words: 'spec must have exactly one of model or template',
      reason: 'InvalidSpec',
      message:
        'neither spec.model nor spec.template is set: set spec.model for the model server, or spec.template for your own container',
    },
  },
  {
    input: 'template without a readiness probe',
    target: 'Live',
    fields: 'spec.template.spec.containers[0]',
    edit: withoutProbe,
    answer: {
      type: 'Stalled',
      reason: 'InvalidSpec',
      message:
        'spec.template.spec.containers "dashboard" has no readinessProbe: add one that fails until the container can answer, otherwise it would count as ready before it serves',
    },
  },
  {
    input: 'canary behind a distribution',
    target: 'Live',
    fields: 'canary: [{weight: 10, holdSeconds: 60}]',
    edit: (good) => withDistribution(good, { canary: [{ weight: 10, holdSeconds: 60 }] }),
    answer: {
      type: 'RefusedFrom125',
      words: 'canary needs a pointer that can send a share of the clients',
      reason: 'InvalidSpec',
      message:
        'spec.traffic.cloudFrontDistribution.canary needs a pointer that can send a share of the clients: set spec.traffic.type to CloudFrontKeyValueStore and move the settings to spec.traffic.cloudFrontKeyValueStore, or remove canary',
    },
  },
  {
    input: 'unknown distribution id',
    target: 'New',
    fields: 'distributionId: E99999999999999',
    edit: (good) => withDistribution(good, { distributionId: 'E99999999999999' }),
    answer: {
      type: 'Stalled',
      reason: 'DistributionNotFound',
      message: 'spec.traffic.cloudFrontDistribution.distributionId "E99999999999999" does not exist',
    },
  },
  {
    input: 'origin that the distribution lacks',
    target: 'Live',
    fields: 'origins.green: housing-grene',
    edit: (good) => withDistribution(good, { origins: { blue: 'housing-blue', green: 'housing-grene' } }),
    answer: {
      type: 'Stalled',
      reason: 'OriginNotFound',
      message:
        'spec.traffic.cloudFrontDistribution.origins.green "housing-grene" is not an origin of the distribution, which has housing-blue, housing-green: add the origin to the distribution or correct the field',
    },
  },
  {
    input: 'remapped live origin',
    target: 'Live',
    fields: 'origins: {blue: housing-green, green: housing-blue}',
    edit: (good) => withDistribution(good, { origins: { blue: 'housing-green', green: 'housing-blue' } }),
    answer: {
      type: 'Stalled',
      reason: 'OriginRemapped',
      message:
        'spec.traffic.cloudFrontDistribution.origins.green is "housing-blue" but green has been "housing-green": put the origins back',
    },
  },
  {
    input: 'behavior of another release',
    target: 'New',
    fields: 'behaviors: [{pathPattern: "*"}]',
    edit: (good) => good,
    answer: {
      type: 'Stalled',
      reason: 'BehaviorClaimed',
      message: 'name another, or have that release name another pointer first',
    },
  },
  {
    input: 'image that cannot be pulled',
    target: 'Live',
    fields: `spec.model.serverImage: ${ABSENT_IMAGE}`,
    edit: (good) => withSpec(withModel(good, { serverImage: ABSENT_IMAGE, version: '8' }), DEADLINE),
    answer: {
      type: 'Stalled',
      reason: 'ProgressDeadlineExceeded',
      message: `correct spec.model.serverImage ("${ABSENT_IMAGE}")`,
    },
  },
  {
    input: 'sha256 that does not match',
    target: 'Live',
    fields: `spec.model.sha256: ${OTHER_DIGEST.slice(0, 8)}…`,
    edit: (good) => withSpec(withModel(good, { sha256: OTHER_DIGEST, version: '9' }), DEADLINE),
    answer: {
      type: 'Stalled',
      reason: 'CandidateRefused',
      message: `correct spec.model.sha256 "${OTHER_DIGEST}"`,
    },
  },
]

/** The page of the documentation. */
export function badInputPage(): string {
  const lines = ROWS.map(
    ({ input, fields, answer }) => `| ${input} | \`${fields}\` | ${answerText(answer)} |`,
  )
  return [
    '<!-- Generated from operator/test/e2e/bad-input-rows.ts by `npm run generate`; do not edit. -->',
    '# Bad input',
    'What happens to it. Each row is a test (`operator/test/e2e/releases.e2e.test.ts`) on a release that is live: whatever is refused or stalls, no pod that serves is touched, nothing is created or removed by mistake, the pointer does not move, and the good spec applied again is live at once. The words quoted are part of what is said.',
    'Server-side apply (`kubectl apply --server-side`, Flux, Argo CD where asked for) and `kubectl apply` with an API server from 1.25 on have the API server refuse unknown fields; before an older one `kubectl apply` refuses them itself; a plain create by another client loses them silently.',
    `| Input | For example | What happens |\n| --- | --- | --- |\n${lines.join('\n')}`,
    'An attempt that ends by its deadline shows the last words of its container in `Stalled` and more of them in `status.attempt.logs`.',
  ].join('\n\n')
}

function answerText(answer: Answer): string {
  switch (answer.type) {
    case 'Refused':
      return `refused by the API server, whatever the client: \`${answer.words}\``
    case 'RefusedForKubectl':
      return `refused by the API server, which kubectl asks for the check: \`${answer.words}\`; with one older than 1.25 by kubectl: \`${answer.before125}\``
    case 'RefusedFrom125':
      return `refused by an API server from 1.25 on: \`${answer.words}\`; with an older one stored, then ${stalledText(answer)}`
    case 'Stalled':
      return `stored, then ${stalledText(answer)}`
  }
}

function stalledText({ reason, message }: { reason: string; message: string }): string {
  return `\`Stalled\`, \`${reason}\`: \`${message.replaceAll('|', '\\|')}\``
}
