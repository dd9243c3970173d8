/** What a module exports, judged. */
import type { Handler } from './handler.ts'
import type { Description } from './messages.ts'

const FIELD = /^[A-Za-z0-9_.[\]-]{1,64}$/
const KEYS = ['accepts', 'fileField', 'textFields', 'model', 'preprocess', 'postprocess', 'selftest']

/**
 * The default export of a module as a handler, and what the server has to know of it.
 * @throws Error with all that is wrong with it
 */
export function describeHandler(exported: unknown): { handler: Handler; description: Description } {
  if (typeof exported !== 'object' || exported === null) {
    throw new Error(
      `expected a default export that is an object with preprocess and postprocess, got ${typeof exported}`,
    )
  }
  const problems = problemsOf(exported)
  if (problems.length > 0) throw new Error(problems.join('; '))

  const handler = exported as Handler
  const { model, accepts, selftest } = handler
  const common = { ...(model === undefined ? {} : { model }), hasSelftest: selftest !== undefined }
  if (accepts === 'application/json') return { handler, description: { ...common, accepts } }
  const { fileField = 'file', textFields = [] } = handler
  return { handler, description: { ...common, accepts, fileField, textFields } }
}

function problemsOf(exported: Partial<Record<string, unknown>>): string[] {
  const { accepts, model } = exported
  const functions = ['preprocess', 'postprocess', 'selftest'].filter(
    (name) => name !== 'selftest' || exported[name] !== undefined,
  )
  const isForm = accepts === 'multipart/form-data'
  const unknown = Object.keys(exported).filter((key) => !KEYS.includes(key))
  return [
    ...(isForm || accepts === 'application/json'
      ? []
      : [`accepts: expected 'application/json' or 'multipart/form-data', got ${shown(accepts)}`]),
    ...functions
      .filter((name) => typeof exported[name] !== 'function')
      .map((name) => `${name}: expected a function, got ${shown(exported[name])}`),
    ...(model === undefined || typeof model === 'string'
      ? []
      : [`model: expected a name, got ${shown(model)}`]),
    ...(isForm ? fieldProblems(exported) : []),
    // A misspelled selftest would otherwise never run, and nobody would know.
    ...unknown.map((key) => `${key}: unknown; expected only ${KEYS.join(', ')}`),
  ]
}

function fieldProblems({ fileField = 'file', textFields = [] }: Partial<Record<string, unknown>>): string[] {
  const isField = (value: unknown): boolean => typeof value === 'string' && FIELD.test(value)
  return [
    ...(isField(fileField) ? [] : [`fileField: expected the name of a field, got ${shown(fileField)}`]),
    ...(Array.isArray(textFields) && textFields.length <= 64 && textFields.every(isField)
      ? []
      : [`textFields: expected at most 64 names of fields, got ${shown(textFields)}`]),
  ]
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : typeof value === 'function' ? 'a function' : JSON.stringify(value)
}
