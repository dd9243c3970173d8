import type { Spec } from '../api/release.ts'

/** What pods say when they cannot start, and the field of the spec that a person would look at first. */
const CAUSES: { says: RegExp; remedy: (spec: Spec) => string }[] = [
  {
    says: /ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull/,
    remedy: ({ model }) =>
      model
        ? `correct spec.model.serverImage (${model.serverImage ? `"${model.serverImage}"` : 'not set: the image that the operator was given'}), or spec.model.imagePullSecrets`
        : 'correct the image in spec.template, or its imagePullSecrets',
  },
  {
    says: /MODEL_SHA256 wants/,
    remedy: ({ model }) =>
      `correct spec.model.sha256 "${model?.sha256 ?? ''}", or spec.model.uri if it leads to another file`,
  },
  {
    says: /MODEL_URI/,
    remedy: ({ model }) => `correct spec.model.uri "${model?.uri ?? ''}"`,
  },
  {
    says: /Unschedulable|exceeded quota|FailedCreate/,
    remedy: ({ replicas }) => `make room for ${replicas} more pods, or lower spec.replicas`,
  },
]

/** What to do about an attempt whose pods said this; in general terms where they said nothing that is known. */
export function remedyOf(spec: Spec, said: string): string {
  return CAUSES.find(({ says }) => says.test(said))?.remedy(spec) ?? 'correct the spec'
}
