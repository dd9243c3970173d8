/** What a DistributionConfig refers to beyond itself: what must exist, cannot be deleted, and is listed by. */
import { behaviorElements } from './distribution-config.ts'
import { CloudFrontError } from './cloudfront-error.ts'
import { child, contentOf, listItems, textOf } from './xml.ts'
import type { XmlElement } from './xml.ts'

type Kind = {
  /** The code for one that does not exist. */
  code: string
  idsIn: (config: XmlElement) => (string | undefined)[]
}

const origins = (config: XmlElement): XmlElement[] => listItems(config, 'Origins')
const behaviors = (config: XmlElement): XmlElement[] =>
  behaviorElements(config).map(({ behavior }) => behavior)
const ofBehaviors =
  (name: string) =>
  (config: XmlElement): (string | undefined)[] =>
    behaviors(config).map((behavior) => textOf(behavior, name))

export type ReferenceKind =
  | 'ContinuousDeploymentPolicy'
  | 'VpcOrigin'
  | 'OriginAccessControl'
  | 'CachePolicy'
  | 'OriginRequestPolicy'
  | 'ResponseHeadersPolicy'
  | 'KeyGroup'
  | 'FieldLevelEncryptionConfig'
  | 'RealtimeLogConfig'
  | 'AnycastIpList'
  | 'ConnectionFunction'
  | 'TrustStore'

const KINDS: Readonly<Record<ReferenceKind, Kind>> = {
  ContinuousDeploymentPolicy: {
    code: 'NoSuchContinuousDeploymentPolicy',
    idsIn: (config) => [textOf(config, 'ContinuousDeploymentPolicyId')],
  },
  VpcOrigin: {
    code: 'EntityNotFound',
    idsIn: (config) =>
      origins(config).map((origin) => textOf(child(origin, 'VpcOriginConfig'), 'VpcOriginId')),
  },
  OriginAccessControl: {
    code: 'InvalidOriginAccessControl',
    idsIn: (config) => origins(config).map((origin) => textOf(origin, 'OriginAccessControlId')),
  },
  CachePolicy: { code: 'NoSuchCachePolicy', idsIn: ofBehaviors('CachePolicyId') },
  OriginRequestPolicy: { code: 'NoSuchOriginRequestPolicy', idsIn: ofBehaviors('OriginRequestPolicyId') },
  ResponseHeadersPolicy: {
    code: 'NoSuchResponseHeadersPolicy',
    idsIn: ofBehaviors('ResponseHeadersPolicyId'),
  },
  KeyGroup: {
    code: 'TrustedKeyGroupDoesNotExist',
    idsIn: (config) =>
      behaviors(config).flatMap((behavior) => listItems(behavior, 'TrustedKeyGroups').map(contentOf)),
  },
  // Of these the emulator has none; a distribution may name any.
  FieldLevelEncryptionConfig: {
    code: 'NoSuchFieldLevelEncryptionConfig',
    idsIn: ofBehaviors('FieldLevelEncryptionId'),
  },
  RealtimeLogConfig: { code: 'NoSuchRealtimeLogConfig', idsIn: ofBehaviors('RealtimeLogConfigArn') },
  AnycastIpList: { code: 'EntityNotFound', idsIn: (config) => [textOf(config, 'AnycastIpListId')] },
  ConnectionFunction: {
    code: 'EntityNotFound',
    idsIn: (config) => [textOf(child(config, 'ConnectionFunctionAssociation'), 'Id')],
  },
  TrustStore: {
    code: 'EntityNotFound',
    idsIn: (config) => [textOf(child(child(config, 'ViewerMtlsConfig'), 'TrustStoreConfig'), 'TrustStoreId')],
  },
}

/** The ids of that kind that a configuration names. */
export function referencesIn(config: XmlElement, kind: ReferenceKind): string[] {
  return KINDS[kind]
    .idsIn(config)
    .filter((id) => id !== undefined)
    .filter((id) => id !== '')
}

/** The error for the first thing that a configuration names and that does not exist. */
export function unknownReference(
  config: XmlElement,
  exists: (kind: ReferenceKind, id: string) => boolean,
): CloudFrontError | undefined {
  for (const kind of Object.keys(KINDS) as ReferenceKind[]) {
    const lost = referencesIn(config, kind).find((id) => !exists(kind, id))
    if (lost !== undefined) return new CloudFrontError(KINDS[kind].code, `There is no ${kind} ${lost}.`)
  }
  return undefined
}
