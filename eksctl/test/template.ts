/** A CloudFormation template as CloudFormation reads it, as far as ours go: parameters, conditions, intrinsic functions. */
import { readFileSync } from 'node:fs'
import { CORE_SCHEMA, defineScalarTag, defineSequenceTag, load, type Schema } from 'js-yaml'

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
export type Properties = Record<string, Json>
export type Resource = {
  Type: string
  Properties?: Properties
  Condition?: string
  DeletionPolicy?: string
}
export type Template = {
  Parameters: Record<string, { Type: string; Default?: string; AllowedPattern?: string }>
  Mappings?: Record<string, Record<string, Record<string, string>>>
  Conditions?: Properties
  Resources: Record<string, Resource>
  Outputs?: Record<string, { Value: Json; Condition?: string }>
}

const FUNCTIONS = ['Sub', 'GetAtt', 'If', 'Equals', 'Not', 'FindInMap', 'Ref', 'Condition']
const longName = (name: string): string => (name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`)
const shortForms = FUNCTIONS.flatMap((name) => [
  defineScalarTag(`!${name}`, {
    resolve: (text) => ({ [longName(name)]: text }),
    identify: () => false,
  }),
  defineSequenceTag<unknown[], object>(`!${name}`, {
    create: () => [],
    addItem: (items, item) => void items.push(item),
    finalize: (items) => ({ [longName(name)]: items }),
    identify: () => false,
  }),
])

/** CloudFormation takes neither aliases nor merges, so the schema here has none. */
const SCHEMA: Schema = CORE_SCHEMA.withTags(shortForms)

export function readTemplate(name: string): Template {
  const path = new URL(`../cloudformation/${name}`, import.meta.url)
  return load(readFileSync(path, 'utf8'), { schema: SCHEMA }) as Template
}

/** What a resource is referred to by, and what it can be asked for, once it was made. */
export type Made = { ref: string; attributes: Record<string, string> }

const PSEUDO: Record<string, string> = {
  'AWS::AccountId': '123456789012',
  'AWS::Partition': 'aws',
  'AWS::Region': 'us-east-1',
}

/** One stack: resolves what refers to what, in the order in which CloudFormation would make it. */
export class Stack {
  readonly template: Template
  readonly made = new Map<string, Made>()
  readonly #parameters: Record<string, string>

  /** @throws Error for a parameter that the template does not have, that has no value, or one that its pattern refuses. */
  constructor(template: Template, parameters: Record<string, string>) {
    this.template = template
    const unknown = Object.keys(parameters).filter((name) => !(name in template.Parameters))
    if (unknown.length > 0) throw new Error(`the template has no parameter ${unknown.join(', ')}`)
    this.#parameters = { ...PSEUDO }
    for (const [name, { Default, AllowedPattern }] of Object.entries(template.Parameters)) {
      const value = parameters[name] ?? Default
      if (value === undefined) throw new Error(`parameter ${name} has no value`)
      if (AllowedPattern !== undefined && !new RegExp(`^(?:${AllowedPattern})$`).test(value))
        throw new Error(`parameter ${name}: "${value}" does not match ${AllowedPattern}`)
      this.#parameters[name] = value
    }
  }

  /** Those whose condition holds. */
  get resources(): [string, Resource][] {
    return Object.entries(this.template.Resources).filter(([, { Condition }]) => this.holds(Condition))
  }

  /** Makes every resource after those that it refers to. */
  async make(create: (name: string, type: string, properties: Properties) => Promise<Made>): Promise<void> {
    const waiting = new Map(this.resources)
    while (waiting.size > 0) {
      const before = waiting.size
      for (const [name, { Type, Properties: properties = {} }] of waiting) {
        const needs = referredTo(properties).filter((one) => waiting.has(one) && one !== name)
        if (needs.length > 0) continue
        this.made.set(name, await create(name, Type, this.resolve(properties) as Properties))
        waiting.delete(name)
      }
      if (waiting.size === before)
        throw new Error(`resources wait for each other: ${[...waiting.keys()].join()}`)
    }
  }

  outputs(): Record<string, string> {
    const outputs = Object.entries(this.template.Outputs ?? {}).filter(([, one]) => this.holds(one.Condition))
    return Object.fromEntries(outputs.map(([name, { Value }]) => [name, textOf(this.resolve(Value))]))
  }

  holds(condition: string | undefined): boolean {
    if (condition === undefined) return true
    const expression = this.template.Conditions?.[condition]
    if (expression === undefined) throw new Error(`there is no condition ${condition}`)
    return this.resolve(expression) === true
  }

  resolve(value: Json): Json | undefined {
    if (Array.isArray(value))
      return value.map((one) => this.resolve(one)).filter((one): one is Json => one !== undefined)
    if (value === null || typeof value !== 'object') return value
    const [[name, argument] = ['', null], ...more] = Object.entries(value)
    if (more.length === 0 && (name === 'Ref' || name === 'Condition' || name.startsWith('Fn::')))
      return this.#call(name, argument)
    const resolved = Object.entries(value).map(([key, one]) => [key, this.resolve(one)] as const)
    return Object.fromEntries(resolved.filter((entry): entry is [string, Json] => entry[1] !== undefined))
  }

  #call(name: string, argument: Json): Json | undefined {
    const call = this.#functions[name]
    if (!call) throw new Error(`${name} is not known here`)
    return call(argument)
  }

  readonly #functions: Record<string, (argument: Json) => Json | undefined> = {
    Ref: (argument) => (argument === 'AWS::NoValue' ? undefined : this.#named(textOf(argument))),
    Condition: (argument) => this.holds(textOf(argument)),
    'Fn::Equals': (argument) => this.resolve(at(argument, 0)) === this.resolve(at(argument, 1)),
    'Fn::Not': (argument) => this.resolve(at(argument, 0)) !== true,
    'Fn::If': (argument) => this.resolve(at(argument, this.holds(textOf(at(argument, 0))) ? 1 : 2)),
    'Fn::GetAtt': (argument) => this.#named(textOf(argument)),
    'Fn::FindInMap': (argument) => {
      const [map = '', row = '', column = ''] = [0, 1, 2].map((index) => textOf(at(argument, index)))
      return this.template.Mappings?.[map]?.[row]?.[column]
    },
    'Fn::Sub': (argument) =>
      textOf(argument).replace(/\$\{([^}!]+)\}/g, (_, one: string) => this.#named(one)),
  }

  #named(text: string): string {
    const [name = '', ...attribute] = text.split('.')
    const parameter = attribute.length === 0 ? this.#parameters[text] : undefined
    const made = this.made.get(name)
    const value = parameter ?? (attribute.length === 0 ? made?.ref : made?.attributes[attribute.join('.')])
    if (value === undefined) throw new Error(`nothing has the name ${text}`)
    return value
  }
}

/** @throws Error where it is no text. */
export function textOf(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error(`${JSON.stringify(value)} is no text`)
  return value
}

function at(list: Json, index: number): Json {
  return (Array.isArray(list) ? list[index] : undefined) ?? null
}

/** Names of resources, and of whatever else, that a value refers to. */
function referredTo(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(referredTo)
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, one]) => {
    if (key === 'Ref') return [textOf(one)]
    if (key === 'Fn::GetAtt') return [textOf(one).split('.')[0] ?? '']
    if (key === 'Fn::Sub') return [...textOf(one).matchAll(/\$\{([^}.]+)/g)].map(([, name = '']) => name)
    return referredTo(one)
  })
}
