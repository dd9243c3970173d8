/** The releases of the story as their users write them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { API_VERSION, KIND } from '../operator/api/names.ts'
import type { Gate, Spec } from '../operator/api/release.ts'
import { ORIGINS } from './cloudfront.ts'
import { PLAIN_IMAGE, type ImageNames } from './install.ts'
import { DEMO_PLACE, type Place } from './place.ts'
import { ROOT } from './program.ts'

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> }
    : T

/** A spec as a person writes it: what has a default may be left out. */
export type WrittenSpec = DeepPartial<Spec>

export type WrittenRelease = {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace: string }
  spec: WrittenSpec
}

export const SAMPLES_FILE = 'examples/housing/samples.json'

type Model = '1' | '2' | 'wrong'
type Samples = {
  models: Record<Model, { file: string; sha256: string }>
  knownHouses: Record<string, number>
  samples: { request: unknown; predictions: Record<Model, number> }[]
}

const SAMPLES = JSON.parse(readFileSync(join(ROOT, SAMPLES_FILE), 'utf8')) as Samples

export type HousingOptions = {
  /** Where pods fetch models. */
  modelsUrl: string
  /** An edge as pods reach it. */
  edge: string
  place?: Place
  version: string
  /** The file that is served under that version. */
  model: Model
  /** Whose predictions the gates expect; default: the model's own. */
  expects?: Model
  changes?: WrittenSpec
}

/** What a client sends to `/predict`. */
export const HOUSE_REQUEST = SAMPLES.samples[0]?.request

/** A release of the housing predictor behind CloudFront. */
export function housing(options: HousingOptions): WrittenRelease {
  const { modelsUrl, version, model, expects = model, changes = {}, place = DEMO_PLACE } = options
  const { file, sha256 } = SAMPLES.models[model]
  const spec: WrittenSpec = {
    replicas: 2,
    model: { name: 'housing', version, uri: `${modelsUrl}/${file.replace(/^.*\//, '')}`, sha256 },
    gates: Object.entries(SAMPLES.knownHouses).map(([name, index]) => knownHouse(name, index, expects)),
    traffic: distribution(options.edge, place),
    retireAfterSeconds: 60,
    // Ten by default; these models are known to stay up.
    minReadySeconds: 1,
    progressDeadlineSeconds: 90,
  }
  return release('housing', place.namespace, { ...spec, ...changes })
}

function release(name: string, namespace: string, spec: WrittenSpec): WrittenRelease {
  return { apiVersion: API_VERSION, kind: KIND, metadata: { name, namespace }, spec }
}

/** Asks for the price of a house whose answer is known. */
function knownHouse(name: string, index: number, model: Model): Gate {
  const sample = SAMPLES.samples[index]
  if (!sample) throw new RangeError(`${SAMPLES_FILE} has no sample ${index}`)
  return {
    name: `${name}-house`,
    smoke: {
      request: { method: 'POST', path: '/predict', json: sample.request },
      expect: {
        status: 200,
        json: [{ path: '$.prediction[0]', equals: sample.predictions[model], absoluteTolerance: 0.01 }],
      },
      consecutive: 2,
      timeoutSeconds: 5,
    },
  }
}

function distribution(edge: string, { distributionId, host }: Place): WrittenSpec['traffic'] & object {
  return {
    type: 'CloudFrontDistribution',
    cloudFrontDistribution: {
      distributionId,
      behaviors: [{ pathPattern: '*' }, { pathPattern: '/v2/*' }],
      origins: { ...ORIGINS },
      verify: {
        url: `${edge}/predict`,
        method: 'POST',
        headers: [{ name: 'host', value: host }],
        json: HOUSE_REQUEST,
        consecutive: 5,
      },
    },
  }
}

/** A container that knows nothing of us, behind a Service. */
export function dashboard(version: string, images: ImageNames = new Map()): WrittenRelease {
  const container = {
    name: 'dashboard',
    image: images.get(PLAIN_IMAGE) ?? PLAIN_IMAGE,
    env: [{ name: 'VERSION', value: version }],
    ports: [{ containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/healthz', port: 8080 }, periodSeconds: 1 },
  }
  return release('dashboard', DEMO_PLACE.namespace, {
    replicas: 2,
    template: { spec: { containers: [container] } },
    port: 8080,
    gates: [
      {
        name: 'page',
        smoke: {
          request: { method: 'GET', path: '/' },
          expect: { status: 200, bodyContains: versionMark(version) },
          consecutive: 1,
          timeoutSeconds: 5,
        },
      },
    ],
    traffic: { type: 'Service' },
    minReadySeconds: 1,
    progressDeadlineSeconds: 60,
  })
}

/** What the dashboard's page says of its version. */
export function versionMark(version: string): string {
  return `<b id="version">${version}</b>`
}
