/** What a spec says that is allowed and hardly meant. Each names field, value, what becomes of it, and the remedy. */
import { IDENTITY_ENV, LABEL } from '../../api/names.ts'
import type { Gate, Spec } from '../../api/release.ts'
import { shorten } from '../../api/text.ts'
import { containersOf } from '../manifests/children.ts'

export function specWarnings(spec: Spec): string[] {
  return [
    ...(spec.gates ?? []).flatMap(gateWarnings),
    ...(spec.template ? templateWarnings(spec.template) : []),
  ]
}

function gateWarnings({ name, smoke: { request } }: Gate): string[] {
  const { body, json, method } = request
  const field = `spec.gates "${name}": request`
  const warnings: string[] = []
  const isBodiless = method === 'GET' && (json !== undefined || body !== undefined)
  if (isBodiless)
    warnings.push(
      `${field} is a GET with ${json === undefined ? 'body' : 'json'}, which most servers do not read: set method to POST, or remove it`,
    )
  if (typeof json === 'string' && isStructure(json))
    warnings.push(
      `${field}.json is the text ${shorten(JSON.stringify(json), 40)}, which is sent as a text and not as what it holds: write it without quotes, or name it body with the header content-type: application/json`,
    )
  return warnings
}

/** An object or a list in JSON. */
function isStructure(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}

function templateWarnings(template: Record<string, unknown>): string[] {
  const { labels, name } = (template.metadata ?? {}) as {
    labels?: Record<string, unknown> | null
    name?: unknown
  }
  const ours = Object.values(LABEL).filter((label) => Object.hasOwn(labels ?? {}, label))
  return [
    ...ours.map(
      (label) =>
        `spec.template.metadata.labels "${label}" is overwritten by the operator, whose Services select by it: remove it`,
    ),
    ...(name === undefined
      ? []
      : ['spec.template.metadata.name has no effect, since pods are named after their color: remove it']),
    ...containersOf(template).flatMap(({ name: container = '', env }) => environmentWarnings(container, env)),
  ]
}

function environmentWarnings(container: string, env: unknown): string[] {
  const entries = Array.isArray(env) ? (env as ({ name?: unknown } | null)[]) : []
  const own: readonly unknown[] = Object.values(IDENTITY_ENV)
  return entries
    .filter((entry) => own.includes(entry?.name))
    .map(
      (entry) =>
        `spec.template.spec.containers "${container}" sets env "${String(entry?.name)}" itself, so that the operator does not tell it: remove it, unless both colors are to have your value`,
    )
}
