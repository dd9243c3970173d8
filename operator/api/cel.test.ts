import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { Environment } from '@marcbachmann/cel-js'
import { load } from 'js-yaml'

/** Finer cases than operator/test/e2e/crd.e2e.test.ts has, whose API server speaks the same rules. */

interface Schema {
  type?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema
  pattern?: string
  'x-kubernetes-validations'?: { rule: string; message: string }[]
}

interface Rule {
  path: string
  rule: string
  message: string
  schema: Schema
}

const crd = load(readFileSync(new URL('../../crds/modelrelease.yaml', import.meta.url), 'utf8')) as {
  spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] }
}

function rulesOf(schema: Schema, path: string): Rule[] {
  const own = (schema['x-kubernetes-validations'] ?? []).map((one) => ({ ...one, path, schema }))
  const children = Object.entries(schema.properties ?? {}).flatMap(([name, child]) =>
    rulesOf(child, path === '' ? name : `${path}.${name}`),
  )
  return [...own, ...children, ...(schema.items ? rulesOf(schema.items, `${path}[]`) : [])]
}

/**
 * The type that the API server gives a schema in CEL (SchemaDeclType in apiserver/pkg/cel/common/schemas.go): what has
 * no type is not visible at all, and a rule that names it makes the API server refuse the whole CRD.
 */
type Declared = string | { [member: string]: Declared }

const SCALARS: Record<string, string> = {
  string: 'string',
  boolean: 'bool',
  number: 'double',
  integer: 'int',
}

function declaredOf(schema: Schema): Declared | undefined {
  if (schema.type === 'array') return schema.items && declaredOf(schema.items) ? 'list' : undefined
  if (schema.type !== 'object') return SCALARS[schema.type ?? '']
  if (schema.additionalProperties) return 'map'
  const members = Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    const declared = declaredOf(child)
    return declared === undefined ? [] : [[name, declared] as const]
  })
  // An object without known members: has() of it works, looking into it does not.
  return members.length === 0 ? 'map' : Object.fromEntries(members)
}

/** Members, not methods, that a rule names and CEL does not see; cel-js itself lets `has()` name anything. */
function unseenMembers(rule: string, schema: Schema): string[] {
  const named = rule.match(/self(\.\w+(?![\w(]))+/g) ?? []
  return named.filter((path) => {
    let declared: Declared | undefined = declaredOf(schema)
    for (const member of path.split('.').slice(1)) {
      declared = typeof declared === 'object' ? declared[member] : undefined
    }
    return declared === undefined
  })
}

/** As the API server has it, with its own library of lists: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library */
function apiServer(options: { unlistedVariablesAreDyn?: boolean } = {}): Environment {
  const sum = (numbers: (bigint | number)[]): bigint =>
    numbers.reduce<bigint>((all, one) => all + BigInt(one), 0n)
  return new Environment(options).registerFunction('list.sum(): int', sum)
}

/** Messages of the rules at `path` that refuse `self`. */
function refusalsOf(path: string, self: unknown): string[] {
  return rulesOf(crd.spec.versions[0].schema.openAPIV3Schema, '')
    .filter((one) => one.path === path)
    .filter(({ rule }) => apiServer({ unlistedVariablesAreDyn: true }).evaluate(rule, { self }) !== true)
    .map(({ message }) => message)
}

describe('an API server can compile', () => {
  const rules = rulesOf(crd.spec.versions[0].schema.openAPIV3Schema, '')
  test.each(rules)('$path: $rule', ({ rule, schema }) => {
    const self = declaredOf(schema)
    if (self === undefined || self === 'list')
      throw new Error('a rule stands at something that has no members')
    const environment =
      typeof self === 'string'
        ? apiServer().registerVariable('self', self)
        : apiServer().registerVariable('self', { schema: self })
    expect(environment.check(rule)).toMatchObject({ valid: true, type: 'bool' })
    expect(unseenMembers(rule, schema)).toEqual([])
  })

  test('no rule that names a member without a type', () => {
    const schema = { type: 'object', properties: { json: {}, body: { type: 'string' } } }
    expect(unseenMembers('has(self.json) && has(self.body)', schema)).toEqual(['self.json'])
  })
})

describe('spec', () => {
  const service = { type: 'Service' }
  const edges = { type: 'CloudFrontDistribution', cloudFrontDistribution: {} }
  const store = { type: 'CloudFrontKeyValueStore', cloudFrontKeyValueStore: {} }
  const gated = (count: number, consecutive: number, timeoutSeconds: number): object => ({
    model: {},
    traffic: service,
    gates: Array.from({ length: count }, () => ({
      smoke: { consecutive: BigInt(consecutive), timeoutSeconds: BigInt(timeoutSeconds) },
    })),
  })
  const cases: Record<string, { self: object; says?: string }> = {
    'with a model': { self: { model: {}, traffic: service } },
    'with a template': { self: { template: {}, traffic: service } },
    'with a distribution': { self: { model: {}, traffic: edges } },
    'with a key value store': { self: { model: {}, traffic: store } },
    'with a Service of another name': {
      self: { model: {}, traffic: { ...service, service: { name: 'front' } } },
    },
    'with both model and template': {
      self: { model: {}, template: {}, traffic: service },
      says: 'exactly one of',
    },
    'with neither model nor template': { self: { traffic: service }, says: 'exactly one of' },
    'with a distribution that is not told': {
      self: { model: {}, traffic: { type: 'CloudFrontDistribution' } },
      says: 'cloudFrontDistribution is required when',
    },
    'with a distribution that is not asked for': {
      self: { model: {}, traffic: { ...edges, type: 'Service' } },
      says: 'cloudFrontDistribution is set but spec.traffic.type is another',
    },
    'with a store that is not told': {
      self: { model: {}, traffic: { type: 'CloudFrontKeyValueStore' } },
      says: 'cloudFrontKeyValueStore is required when',
    },
    'with a store that is not asked for': {
      self: { model: {}, traffic: { ...store, type: 'Service' } },
      says: 'cloudFrontKeyValueStore is set but spec.traffic.type is another',
    },
    'with as many gates as the default deadline holds': {
      self: { ...gated(20, 3, 10), progressDeadlineSeconds: 10 },
    },
    'with gates that a longer deadline holds': {
      self: { ...gated(20, 100, 10), progressDeadlineSeconds: 20_000 },
    },
    'with gates that take 33 hours': {
      self: { ...gated(20, 100, 60), progressDeadlineSeconds: 86_400 },
      says: 'may take longer at one pod than progressDeadlineSeconds',
    },
    'with gates that take a second more than the default deadline holds': {
      self: { ...gated(1, 1, 601), progressDeadlineSeconds: 600 },
      says: 'may take longer at one pod than progressDeadlineSeconds',
    },
    'with settings of a Service that is not asked for': {
      self: { model: {}, traffic: { ...edges, service: {} } },
      says: 'service is set but spec.traffic.type is another',
    },
  }
  test.each(Object.entries(cases))('%s', (_name, { self, says }) => {
    expect(refusalsOf('spec', self)).toEqual(says === undefined ? [] : [expect.stringContaining(says)])
  })
})

const HEADERS = 'spec.gates[].smoke.request.headers[]'
const POINTERS = ['spec.traffic.cloudFrontDistribution', 'spec.traffic.cloudFrontKeyValueStore']

describe('canary', () => {
  const steps = (...weights: number[]): object => ({ canary: weights.map((weight) => ({ weight })) })
  const distribution = 'spec.traffic.cloudFrontDistribution'
  const store = 'spec.traffic.cloudFrontKeyValueStore'

  test.each([
    ['of no step', store, {}],
    ['of one step', store, steps(10)],
    ['that grows in as many steps as there may be', store, steps(1, 2, 3, 4, 5, 6, 7, 8, 9, 99)],
    ['that a distribution has not', distribution, {}],
  ])('%s is taken', (_name, path, self) => expect(refusalsOf(path, self)).toEqual([]))

  test.each([
    ['that stands still', store, steps(10, 10), 'greater than the one before'],
    ['that falls at the end', store, steps(1, 2, 3, 4, 5, 6, 7, 8, 9, 8), 'greater than the one before'],
    ['by cookies', store, { canaryClientHeader: 'cookie' }, 'tells no client from another'],
    ['by the host', store, { canaryClientHeader: 'host' }, 'tells no client from another'],
    ['of a distribution', distribution, steps(10), 'set spec.traffic.type to CloudFrontKeyValueStore'],
  ])('%s is refused', (_name, path, self, says) =>
    expect(refusalsOf(path, self)).toEqual([expect.stringContaining(says)]),
  )
})

describe.each(POINTERS)('origins of %s', (pointer) => {
  const path = `${pointer}.origins`
  test('that are two', () => expect(refusalsOf(path, { blue: 'a', green: 'b' })).toEqual([]))
  test('that are one and the same', () => {
    expect(refusalsOf(path, { blue: 'a', green: 'a' })).toEqual([
      expect.stringContaining('two different origins'),
    ])
  })
})

describe.each(POINTERS)('verify of %s', (pointer) => {
  const path = `${pointer}.verify`
  const url = 'https://models.example.com/'
  test.each([
    ['answers from a url', { type: 'Answers', url }, []],
    ['the status alone', { type: 'DeployedOnly' }, []],
    ['answers from nowhere', { type: 'Answers' }, [expect.stringContaining('verify.url is required')]],
    ['nothing said', {}, [expect.stringContaining('verify.url is required')]],
  ])('%s', (_name, self, refusals) => expect(refusalsOf(path, self)).toEqual(refusals))
})

/** Every place of a schema with a pattern, whose own message is a bare regular expression. */
function patternsOf(schema: Schema, path: string): { path: string; schema: Schema & { pattern: string } }[] {
  const { pattern, properties = {}, items } = schema
  return [
    ...(pattern === undefined ? [] : [{ path, schema: { ...schema, pattern } }]),
    ...Object.entries(properties).flatMap(([name, child]) =>
      patternsOf(child, path === '' ? name : `${path}.${name}`),
    ),
    ...(items ? patternsOf(items, `${path}[]`) : []),
  ]
}

describe('a header', () => {
  const reference = { secretKeyRef: { name: 'gate-token', key: 'authorization' } }
  const places = [HEADERS, ...POINTERS.map((pointer) => `${pointer}.verify.headers[]`)]
  const one = [expect.stringContaining('exactly one of value and valueFrom')]
  test.each(
    places.flatMap((path) => [
      [path, { name: 'a', value: '' }, []] as const,
      [path, { name: 'a', valueFrom: reference }, []] as const,
      [path, { name: 'a' }, one] as const,
      [path, { name: 'a', value: 'b', valueFrom: reference }, one] as const,
    ]),
  )('%s %j', (path, self, refusals) => expect(refusalsOf(path, self)).toEqual(refusals))

  test.each([
    ['name', 'a.b-c', true],
    ['name', 'A', false],
    ['name', '..', false],
    ['name', 'a/b', false],
    ['key', '.a', true],
    ['key', '..a', false],
    ['key', '.', false],
    ['key', 'a/b', false],
  ])('%s of a Secret: %s', (member, self, isTaken) => {
    expect(refusalsOf(`${HEADERS}.valueFrom.secretKeyRef.${member}`, self).length === 0).toBe(isTaken)
  })
})

describe('a pattern is told in words, with a value that fits:', () => {
  const root = crd.spec.versions[0].schema.openAPIV3Schema
  const places = patternsOf(root, '').filter(({ path }) => path !== 'metadata.name')

  test.each(places)('$path', ({ path, schema: { pattern, ...schema } }) => {
    const [rule, another] = schema['x-kubernetes-validations'] ?? []
    expect(rule?.rule).toBe(`self.matches(r"${pattern}")`)
    expect(another).toBeUndefined()
    const examples = rule?.message.split(', for example ')[1]?.split(/, | or /) ?? []
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) expect(refusalsOf(path, example.replaceAll('"', ''))).toEqual([])
    expect(refusalsOf(path, ' not this')).toEqual([rule?.message])
  })

  test('and the name of the release, which only the root may look at', () => {
    const named = (name: string): object => ({ metadata: { name } })
    expect(refusalsOf('', named('housing'))).toEqual([])
    expect(refusalsOf('', named('1.housing'))).toEqual([expect.stringContaining('for example housing')])
    const { pattern } = root.properties?.metadata?.properties?.name ?? {}
    expect(rulesOf(root, '')[0]?.rule).toBe(`self.metadata.name.matches(r"${pattern ?? ''}")`)
  })

  test('there are some', () => expect(places.length).toBeGreaterThan(20))
})

test('no schema refuses by a mere "not", which says nothing', () => {
  expect(readFileSync(new URL('../../crds/modelrelease.yaml', import.meta.url), 'utf8')).not.toMatch(
    /^\s*(not|oneOf):/m,
  )
})

test('every place with rules that are no patterns is tried above', () => {
  const root = crd.spec.versions[0].schema.openAPIV3Schema
  const patterns = new Set(patternsOf(root, '').map(({ path }) => path))
  const ruled = rulesOf(root, '').map((one) => one.path)
  const places = new Set(ruled.filter((path) => path !== '' && !patterns.has(path)))
  expect([...places]).toEqual([
    'spec',
    HEADERS,
    ...POINTERS.flatMap((pointer) => [
      pointer,
      `${pointer}.origins`,
      `${pointer}.verify`,
      `${pointer}.verify.headers[]`,
    ]),
  ])
})
