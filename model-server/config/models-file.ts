/** MODELS_FILE: several models and versions in one server; docs/model-server/models.md describes it. */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { IDENTITY, SERVING, readModel } from './model-config.ts'
import type { ModelConfig, ModelSetting } from './model-config.ts'
import { isObject } from '../protocols/json-value.ts'
import { got } from './values.ts'
import type { Parse, Read } from './values.ts'

const KEYS: readonly string[] = [...Object.keys(IDENTITY), ...Object.keys(SERVING), 'default']

/** Where the reader of the file says what is wrong, and finds what the file leaves to the environment. */
type Context = {
  problem: (place: string, message: string) => void
  environment: Read<keyof typeof SERVING>
  /** Whether a model can be loaded later. */
  mayBeEmpty: boolean
}

/** All models of the file; problems are noted with their JSON path. Relative paths go out from the folder of the file. */
export function readModelsFile(path: string, context: Context): ModelConfig[] {
  const { problem } = context
  let entries: unknown[]
  try {
    entries = entriesOf(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    problem(`MODELS_FILE ${path}`, (error as Error).message)
    return []
  }

  if (entries.length === 0 && !context.mayBeEmpty) {
    problem(
      `MODELS_FILE ${path}: models`,
      'is empty; add a model, or set REPOSITORY_TOKEN_FILE to load one later',
    )
  }

  const models: ModelConfig[] = []
  for (const [index, entry] of entries.entries()) {
    const place = `MODELS_FILE ${path}: models[${index}]`
    const found: string[] = []
    const note = (at: string, message: string): void => {
      found.push(at)
      problem(at, message)
    }
    const model = readEntry(entry, place, { ...context, problem: note, folder: dirname(path) })
    if (model && found.length === 0) models.push(model)
  }
  reportTwice(models, (message) => problem(`MODELS_FILE ${path}`, message))
  return models
}

function entriesOf(file: unknown): unknown[] {
  if (!isObject(file) || !Array.isArray(file.models)) throw new Error('expected {"models": […]}')
  const unknown = Object.keys(file).find((key) => key !== 'models')
  if (unknown !== undefined) throw new Error(`unknown key '${unknown}'; expected only 'models'`)
  return file.models
}

function readEntry(
  entry: unknown,
  place: string,
  context: Context & { folder: string },
): ModelConfig | undefined {
  if (!isObject(entry)) {
    context.problem(place, `expected an object, ${got(entry)}`)
    return undefined
  }
  for (const key of Object.keys(entry).filter((name) => !KEYS.includes(name))) {
    context.problem(`${place}.${key}`, `unknown key; expected ${KEYS.join(', ')}`)
  }
  const read = <T>(name: ModelSetting, parse: Parse<T>): T => {
    const value = entry[name] ?? undefined
    if (value === undefined && isServing(name)) return context.environment(name, parse)
    try {
      return parse(value)
    } catch (error) {
      context.problem(`${place}.${name}`, (error as Error).message)
      // Never seen: a model with problems is not returned.
      return undefined as T
    }
  }
  return readModel(read, context.folder)
}

function reportTwice(models: readonly ModelConfig[], problem: (message: string) => void): void {
  for (const [index, { name, version, isDefault }] of models.entries()) {
    const earlier = models.slice(0, index).filter((model) => model.name === name)
    if (earlier.some((model) => model.version === version)) {
      problem(`model '${name}' version '${version}' is there twice`)
    }
    if (isDefault && earlier.some((model) => model.isDefault)) {
      problem(`model '${name}' has two versions with default: true`)
    }
  }
}

function isServing(name: ModelSetting): name is keyof typeof SERVING {
  return name in SERVING
}
