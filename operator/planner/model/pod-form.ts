/**
 * One form for all the ways in which the same pods can be written: nulls, quantities, defaults that the API server would fill in.
 * For telling whether two specs mean the same, and for nothing else: nothing is rendered from it.
 */
type Json = Record<string, unknown>

/** What the API server fills in, by where it stands: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ */
const POD_DEFAULTS = {
  restartPolicy: 'Always',
  dnsPolicy: 'ClusterFirst',
  schedulerName: 'default-scheduler',
  terminationGracePeriodSeconds: 30,
  enableServiceLinks: true,
}
const CONTAINER_DEFAULTS = {
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
}
const PROBE_DEFAULTS = { periodSeconds: 10, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 }
const HTTP_GET_DEFAULTS = { scheme: 'HTTP', path: '/' }

/** By the name of a member, wherever it stands: the same as if it were absent. */
const SAME_AS_ABSENT: Json = {
  initialDelaySeconds: 0,
  hostNetwork: false,
  hostPID: false,
  hostIPC: false,
  readOnly: false,
  stdin: false,
  stdinOnce: false,
  tty: false,
  defaultMode: 420,
  divisor: '0',
}
/** Maps of which an empty one says nothing; an empty `emptyDir` or `namespaceSelector` does. */
const EMPTY_SAYS_NOTHING = new Set([
  ...['metadata', 'labels', 'annotations', 'nodeSelector', 'resources', 'limits', 'requests'],
  'securityContext',
])
const MAPS_OF_QUANTITIES = new Set(['limits', 'requests'])
const QUANTITIES = new Set(['sizeLimit', 'divisor'])

/** What pods are made from, in one form. */
export function podForm({
  model,
  template,
  port,
}: {
  model?: unknown
  template?: unknown
  port: number
}): unknown {
  return {
    port,
    ...(model === undefined ? {} : { model: pruned(model) }),
    ...(template === undefined ? {} : { template: templateForm(pruned(template)) }),
  }
}

function templateForm(template: unknown): unknown {
  if (!isObject(template) || !isObject(template.spec)) return template
  const { serviceAccount, ...spec } = template.spec
  const named = serviceAccount === undefined ? spec : { serviceAccountName: serviceAccount, ...spec }
  const containers = ['initContainers', 'containers'].map((member) => [
    member,
    listForm(spec[member], containerForm),
  ])
  const form = { ...withoutDefaults(named, POD_DEFAULTS), ...present(containers) }
  return { ...template, spec: form }
}

function containerForm(container: Json): Json {
  const probes = ['readinessProbe', 'livenessProbe', 'startupProbe'].map((member) => [
    member,
    isObject(container[member]) ? probeForm(container[member]) : container[member],
  ])
  const ports = listForm(container.ports, (port) => withoutDefaults(port, { protocol: 'TCP' }))
  const env = listForm(container.env, (variable) => withoutDefaults(variable, { value: '' }))
  const resources = isObject(container.resources) ? resourcesForm(container.resources) : container.resources
  const defaults = { ...CONTAINER_DEFAULTS, imagePullPolicy: pullPolicyOf(container.image) }
  return {
    ...withoutDefaults(container, defaults),
    ...present([...probes, ['ports', ports], ['env', env], ['resources', resources]]),
  }
}

function probeForm(probe: Json): Json {
  const { httpGet } = probe
  const form = withoutDefaults(probe, PROBE_DEFAULTS)
  return isObject(httpGet) ? { ...form, httpGet: withoutDefaults(httpGet, HTTP_GET_DEFAULTS) } : form
}

/** A request that is not given is as large as the limit. */
function resourcesForm(resources: Json): Json {
  const { limits, requests, ...rest } = resources
  if (!isObject(limits) || !isObject(requests)) return resources
  const own = withoutDefaults(requests, limits)
  return { ...rest, limits, ...(Object.keys(own).length > 0 ? { requests: own } : {}) }
}

/** `Always` for a moving tag: https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting */
function pullPolicyOf(image: unknown): string {
  const name = typeof image === 'string' ? image : ''
  if (name.includes('@')) return 'IfNotPresent'
  const tag = /:([^/:]+)$/.exec(name)?.[1] ?? 'latest'
  return tag === 'latest' ? 'Always' : 'IfNotPresent'
}

/** Without what says nothing, with quantities in one form. */
function pruned(value: unknown, member = ''): unknown {
  if (Array.isArray(value)) return value.map((one) => pruned(one))
  if (!isObject(value)) return QUANTITIES.has(member) ? quantityForm(value) : value
  const isMap = MAPS_OF_QUANTITIES.has(member)
  const entries = Object.entries(value)
    .map(([key, child]) => [key, isMap ? quantityForm(child) : pruned(child, key)] as const)
    .filter(([key, child]) => !saysNothing(key, child))
  return Object.fromEntries(entries)
}

function saysNothing(member: string, value: unknown): boolean {
  if (value === null || value === undefined) return true
  if (Array.isArray(value)) return value.length === 0
  if (isObject(value)) return EMPTY_SAYS_NOTHING.has(member) && Object.keys(value).length === 0
  return Object.hasOwn(SAME_AS_ABSENT, member) && SAME_AS_ABSENT[member] === value
}

const POWERS: Record<string, number> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

/** Longer ones are none that a person means, and a number of thousands of digits takes long to work with. */
const LONGEST_QUANTITY = 64

/** A quantity as a number, whatever it is written like: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function quantityForm(value: unknown): unknown {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || text.length > LONGEST_QUANTITY) return value
  const [, digits, suffix = ''] =
    /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?$/.exec(text) ?? []
  if (digits === undefined) return value
  const binary = BINARY.indexOf(suffix)
  if (binary > 0) return `${billionths(digits, 0) * 1024n ** BigInt(binary)} n`
  const exponent = /^[eE]/.test(suffix) && suffix.length > 1 ? Number(suffix.slice(1)) : (POWERS[suffix] ?? 0)
  return `${billionths(digits, exponent)} n`
}

/** Whether the API server would read it as a quantity. */
export function isQuantity(value: unknown): boolean {
  return quantityForm(value) !== value
}

/** Billionths, the finest that there is; whatever is finer is rounded up, as the API server does. */
function billionths(digits: string, exponent: number): bigint {
  const sign = digits.startsWith('-') ? -1n : 1n
  const [whole = '', fraction = ''] = digits.replace(/^[+-]/, '').split('.')
  const shift = 9 + exponent - fraction.length
  const number = BigInt(`${whole}${fraction}` || '0')
  if (shift >= 0) return sign * number * 10n ** BigInt(Math.min(shift, 60))
  const divisor = 10n ** BigInt(Math.min(-shift, 60))
  return sign * ((number + divisor - 1n) / divisor)
}

function withoutDefaults(object: Json, defaults: Json): Json {
  return Object.fromEntries(
    Object.entries(object).filter(([key, value]) => !Object.hasOwn(defaults, key) || defaults[key] !== value),
  )
}

function listForm(list: unknown, form: (item: Json) => Json): unknown {
  return Array.isArray(list) ? list.map((one: unknown) => (isObject(one) ? form(one) : one)) : list
}

function present(entries: unknown[][]): Json {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Json
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
