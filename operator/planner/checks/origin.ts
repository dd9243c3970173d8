/** The way that CloudFront takes to a color: what a gate must be asked through before users are. */
import type { Color } from '../../api/names.ts'
import { distributionOf, type Distribution, type Spec } from '../../api/release.ts'
import type { BehaviorFacts, OriginFacts } from '../model/distribution.ts'
import { originName, type PointerReading, type Target } from '../model/observation.ts'

/** AWS's managed origin request policies that forward the viewer's Host: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html */
const FORWARDING_HOST = new Set([
  '216adef6-5c7f-47e4-b989-5492eafa07d3', // AllViewer
  '33f36d7e-f396-46d9-90e0-52428a34d9dc', // AllViewerAndCloudFrontHeaders-2022-06
])

/**
 * The color's origin as CloudFront would ask it: name, port, TLS, path, custom headers, Host. Undefined where that is
 * waived or the pointer has no origins.
 */
export function originTarget(spec: Spec, pointer: PointerReading, color: Color): Target | undefined {
  const settings = distributionOf(spec)
  const facts = pointer.type === 'Read' ? pointer.distribution : undefined
  const origin = facts?.origins.find(({ id }) => id === originName(spec, color))
  if (!settings || !facts || !origin || settings.originProof === 'Waived') return undefined
  const host = hostHeader(settings, facts.behaviors)
  return {
    name: `origin ${origin.id}`,
    origin: addressOf(settings, origin),
    through: 'LoadBalancer',
    path: origin.path,
    headers: [...(host ? [{ name: 'host', value: host }] : []), ...origin.headers],
  }
}

/** Why the proof cannot be had, as a problem that names field, value and remedy. */
export function unprovableOrigins(
  settings: Distribution & { field: string },
  origins: readonly OriginFacts[],
): string[] {
  if (settings.originProof === 'Waived') return []
  const { blue, green } = settings.origins
  return origins
    .filter(({ id, kind }) => (id === blue || id === green) && kind !== 'Custom')
    .map(
      ({ id, kind }) =>
        `${settings.field}.originProof is Required, and "${id}" is ${kind === 'Vpc' ? 'a VPC origin, which CloudFront alone can reach' : 'an S3 origin, which CloudFront alone may read'}: set it to Waived, and the way from CloudFront to the pods is proven by nothing but verify`,
    )
}

function addressOf(
  settings: Distribution,
  { domainName, protocol, httpPort, httpsPort }: OriginFacts,
): string {
  const { url } = settings.verify
  // match-viewer: as users come, and all that is known of them is how they are verified.
  const isPlain = protocol === 'http-only' || (protocol !== 'https-only' && url?.startsWith('http:'))
  return isPlain ? `http://${domainName}:${httpPort}` : `https://${domainName}:${httpsPort}`
}

/** The viewer's Host where it is forwarded; otherwise CloudFront sends the name of the origin. */
function hostHeader(
  { behaviors: ours, verify }: Distribution,
  behaviors: readonly BehaviorFacts[],
): string | undefined {
  const forwards = behaviors
    .filter(({ pathPattern }) => ours.some((one) => one.pathPattern === pathPattern))
    .some(
      ({ requestPolicyId, forwardedHeaders }) =>
        FORWARDING_HOST.has(requestPolicyId ?? '') ||
        forwardedHeaders.some((name) => name === '*' || name.toLowerCase() === 'host'),
    )
  if (!forwards || !verify.url || !URL.canParse(verify.url)) return undefined
  return verify.headers?.find(({ name }) => name.toLowerCase() === 'host')?.value ?? new URL(verify.url).host
}
