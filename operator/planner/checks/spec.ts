import { distributionField, keyValueStoreOf, type Distribution, type Spec } from '../../api/release.ts'
import { headerProblems } from './credentials.ts'
import { shorten } from '../../api/text.ts'
import { isQuantity } from '../model/pod-form.ts'
import { containersOf, servingContainer } from '../manifests/children.ts'

/**
 * Everything wrong with a spec that its schema could not refuse: the CRD's CEL rules once more (older API servers drop
 * them silently) and what CEL cannot see inside a free-form template. Each problem names field, value and remedy.
 */
export function problemsOf(spec: Spec): string[] {
  return [
    ...sourceProblems(spec),
    ...environmentProblems(spec),
    ...templateProblems(spec),
    ...valueProblems(spec),
    ...gateProblems(spec),
    ...headerProblems(spec),
    ...trafficProblems(spec),
  ]
}

function sourceProblems(spec: Spec): string[] {
  if (spec.model && spec.template)
    return [
      'spec.model and spec.template are both set: keep spec.model for the model server, or spec.template for your own container',
    ]
  if (!spec.model && !spec.template)
    return [
      'neither spec.model nor spec.template is set: set spec.model for the model server, or spec.template for your own container',
    ]
  return []
}

/** What the operator says of the model, and what the container says of itself, must be the same. */
function environmentProblems({ model }: Spec): string[] {
  return (model?.env ?? [])
    .filter(({ name }) => OWN_VARIABLES.has(name) || name.startsWith('MODELRELEASE_'))
    .map(
      ({ name }) =>
        `spec.model.env "${name}" is set by the operator: remove it, and use the field of spec.model or spec.port that it comes from`,
    )
}

const OWN_VARIABLES = new Set([
  'PORT',
  'OPS_PORT',
  'MODEL_NAME',
  'MODEL_VERSION',
  'MODEL_URI',
  'MODEL_SHA256',
  'BASE_PATH',
])

function templateProblems(spec: Spec): string[] {
  if (!spec.template) return []
  const container = servingContainer(spec.template, spec.port)
  const { containers } = (spec.template.spec ?? {}) as { containers?: unknown }
  if (!container || !isListOfObjects(containers))
    return ['spec.template.spec.containers is not a list of containers: name the container that serves']
  const lists = listProblems(spec.template)
  if (lists.length > 0 || container.readinessProbe) return lists
  return [
    `spec.template.spec.containers "${container.name ?? ''}" has no readinessProbe: add one that fails until the container can answer, otherwise it would count as ready before it serves`,
  ]
}

/** What the API server would refuse in the words of its decoder. */
function valueProblems(spec: Spec): string[] {
  const listed = spec.template
    ? containersOf(spec.template).map(
        (one) => [`spec.template.spec.containers "${one.name ?? ''}"`, one] as const,
      )
    : []
  const all = [...(spec.model ? [['spec.model', spec.model] as const] : []), ...listed]
  return all.flatMap(([field, { env, resources }]) => [
    ...numbersInEnv(field, env),
    ...quantityProblems(field, resources),
  ])
}

function numbersInEnv(field: string, env: unknown): string[] {
  if (!isListOfObjects(env)) return []
  return (env as { name?: string; value?: unknown }[])
    .filter(({ value }) => value !== undefined && value !== null && typeof value !== 'string')
    .map(
      ({ name = '', value }) =>
        `${field}: env "${name}" has the value ${shown(value)}, which is no text: put it in quotes`,
    )
}

function quantityProblems(field: string, resources: unknown): string[] {
  const sections = (resources ?? {}) as Partial<Record<'limits' | 'requests', unknown>>
  return (['limits', 'requests'] as const).flatMap((section) =>
    Object.entries(sections[section] ?? {})
      .filter(([, value]) => value !== null && !isQuantity(value))
      .map(
        ([name, value]) =>
          `${field}: resources.${section}.${name} is ${shown(value)}, which is no quantity: write it like ${name === 'cpu' ? '500m or 2' : '64Mi or 2Gi'}`,
      ),
  )
}

/** Fields that are read to tell a container who it is; anything else is the API server's to judge. */
function listProblems(template: Record<string, unknown>): string[] {
  return containersOf(template).flatMap((container) =>
    (['env', 'ports'] as const)
      .filter((field) => container[field] !== undefined && !isListOfObjects(container[field]))
      .map(
        (field) =>
          `spec.template.spec.containers "${container.name ?? ''}": ${field} is ${shown(container[field])}: make it a list of objects`,
      ),
  )
}

/** A value that may be as long as its writer likes. */
function shown(value: unknown): string {
  return shorten(JSON.stringify(value), 100)
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null)
}

/** Gates that a deadline of this many seconds or less cannot hold are cut off by it, which hurts nobody. */
const LEAST_ROOM_SECONDS = 600

function gateProblems(spec: Spec): string[] {
  const gates = spec.gates ?? []
  const seconds = gates.reduce((sum, { smoke }) => sum + smoke.consecutive * smoke.timeoutSeconds, 0)
  const room = Math.max(spec.progressDeadlineSeconds, LEAST_ROOM_SECONDS)
  const tooLong =
    seconds > room
      ? [
          `spec.gates may take ${seconds} s at one pod (consecutive × timeoutSeconds, of all gates together), and spec.progressDeadlineSeconds leaves ${room} s: lower consecutive or timeoutSeconds, or raise the deadline`,
        ]
      : []
  const twoBodies = gates
    .filter((gate) => gate.smoke.request.json !== undefined && gate.smoke.request.body !== undefined)
    .map((gate) => `spec.gates "${gate.name}": request has both json and body: keep one`)
  return [...tooLong, ...twoBodies]
}

/** Each kind of pointer has its settings in the member of its name; those of a Service may be left away. */
const MEMBERS = {
  Service: 'service',
  CloudFrontDistribution: 'cloudFrontDistribution',
  CloudFrontKeyValueStore: 'cloudFrontKeyValueStore',
} as const

/** Why the spec names no pointer at all, so that none can be read; undefined where it does. */
export function pointerProblem({ traffic }: Spec): string | undefined {
  if (!Object.hasOwn(MEMBERS, traffic.type))
    return `spec.traffic.type "${traffic.type}" is no kind of pointer: set one of ${Object.keys(MEMBERS).join(', ')}`
  if (traffic.type === 'Service' || traffic[MEMBERS[traffic.type]]) return undefined
  return `spec.traffic.${MEMBERS[traffic.type]} is required when spec.traffic.type is ${traffic.type}: add it, or set the type of the member that is there`
}

function trafficProblems(spec: Spec): string[] {
  const { traffic } = spec
  const problems = Object.entries(MEMBERS)
    .filter(([type, member]) => type !== traffic.type && traffic[member])
    .map(
      ([type, member]) =>
        `spec.traffic.${member} is set but spec.traffic.type is ${traffic.type}: set the type to ${type} or remove the member`,
    )
  if (traffic.cloudFrontDistribution?.canary)
    problems.push(
      'spec.traffic.cloudFrontDistribution.canary needs a pointer that can send a share of the clients: set spec.traffic.type to CloudFrontKeyValueStore and move the settings to spec.traffic.cloudFrontKeyValueStore, or remove canary',
    )
  if (traffic.type === 'Service') return problems
  const missing = pointerProblem(spec)
  const settings = traffic[MEMBERS[traffic.type]]
  if (missing !== undefined || !settings) return [...problems, ...(missing === undefined ? [] : [missing])]
  return [
    ...problems,
    ...distributionProblems(spec, settings),
    ...canaryProblems(spec),
    ...clientHeaderProblems(spec),
  ]
}

function canaryProblems(spec: Spec): string[] {
  const steps = keyValueStoreOf(spec)?.canary ?? []
  return steps.flatMap(({ weight }, index) => {
    const before = steps[index - 1]?.weight
    return before === undefined || before < weight
      ? []
      : [
          `spec.traffic.cloudFrontKeyValueStore.canary has weight ${weight} after ${before}: make each weight greater than the one before; the switch of all clients follows after the last step`,
        ]
  })
}

/** A function is given cookies apart from the headers, and the host is the same for everybody. */
const TELLING_NOTHING = ['cookie', 'host']

function clientHeaderProblems(spec: Spec): string[] {
  const header = keyValueStoreOf(spec)?.canaryClientHeader
  return header !== undefined && TELLING_NOTHING.includes(header)
    ? [
        `spec.traffic.cloudFrontKeyValueStore.canaryClientHeader "${header}" tells no client from another: name a header that has one value per client, or remove it`,
      ]
    : []
}

function distributionProblems(spec: Spec, { origins, verify }: Distribution): string[] {
  const field = distributionField(spec)
  const { template } = spec
  const problems: string[] = []
  if (origins.blue === origins.green)
    problems.push(
      `${field}.origins.blue and .green are both "${origins.blue}": name two different origins of the distribution`,
    )
  if (verify.type === 'DeployedOnly') return problems
  if (!verify.url)
    problems.push(
      `${field}.verify.url is required; to trust the status of the distribution alone, set verify.type to DeployedOnly`,
    )
  else if (!URL.canParse(verify.url))
    problems.push(
      `${field}.verify.url "${verify.url}" is not a URL: write it like https://models.example.com/predict`,
    )
  if (template && !verify.expect?.json?.length && !verify.expect?.bodyContains)
    problems.push(
      `${field}.verify.expect needs json or bodyContains with spec.template, whose containers have no identity headers: say what only the new revision answers, or set verify.type to DeployedOnly`,
    )
  return problems
}
