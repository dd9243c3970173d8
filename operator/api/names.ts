/** The words of the API that are not in its schema: group, labels, annotations, headers, names of child objects. */

export const GROUP = 'modelrelease.io'
export const VERSION = 'v1alpha1'
export const PLURAL = 'modelreleases'
export const KIND = 'ModelRelease'
export const API_VERSION = `${GROUP}/${VERSION}`

export type Color = 'blue' | 'green'
export const COLORS: readonly Color[] = ['blue', 'green']

/** The only other color. */
export function otherColor(color: Color): Color {
  return color === 'blue' ? 'green' : 'blue'
}

export const LABEL = {
  name: `${GROUP}/name`,
  color: `${GROUP}/color`,
  revision: `${GROUP}/revision`,
  managedBy: 'app.kubernetes.io/managed-by',
} as const

export const MANAGER = 'modelrelease'

export const ANNOTATION = {
  /** `<verb>/<attempt id>/<nonce>`, written by users, for example `undo/5f3c0a1b2c-9d8e7f6a/1`. */
  command: `${GROUP}/command`,
  /** On a color Service: the pointer's name for this color, which never changes while the color may serve. */
  origin: `${GROUP}/origin`,
} as const

/** Headers of every answer of a container that knows its identity; compared with what the pointer should name. */
export const IDENTITY_HEADER = {
  color: 'x-modelrelease-color',
  revision: 'x-modelrelease-revision',
  digest: 'x-model-digest',
} as const

/** Environment variables that tell a container who it is. */
export const IDENTITY_ENV = {
  name: 'MODELRELEASE_NAME',
  color: 'MODELRELEASE_COLOR',
  revision: 'MODELRELEASE_REVISION',
} as const

/** Port on which color Services and the pointer Service listen; origins of a distribution lead here. */
export const SERVICE_PORT = 80

/** Name of the Deployment and of the Service of one color. */
export function colorName(release: string, color: Color): string {
  return `${release}-${color}`
}

/** Name of the ControllerRevision that stores what an attempt's revision rendered. */
export function revisionName(release: string, attempt: string): string {
  return `${release}-${attempt}`
}

/** Name of the ConfigMap that pins the digest of the model that a revision was proven with. */
export function pinName(release: string, revision: string): string {
  return `${release}-${revision}-digest`
}

/** Labels that select the pods of one color, and nothing else ever. */
export function colorSelector(release: string, color: Color): Record<string, string> {
  return { [LABEL.name]: release, [LABEL.color]: color }
}

/** A label selector in the query form that the scale subresource publishes. */
export function selectorText(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}
