/** Distributions as CloudFront writes them, for tests; with elements that no SDK knows. */

export type DistributionParts = {
  status?: 'InProgress' | 'Deployed'
  enabled?: 'true' | 'false'
  staging?: 'true' | 'false'
  /** Target of the default behavior. */
  target?: string
  /** Further behaviors: path pattern → target. */
  behaviors?: Record<string, string>
  origins?: string[]
}

export const NAMESPACE = 'http://cloudfront.amazonaws.com/doc/2020-05-31/'

/** The inner text of a DistributionConfig. Its white space, comment, entities, empty elements and unknown elements are meant to survive. */
export function configXml({
  enabled = 'true',
  staging = 'false',
  target = 'housing-blue',
  behaviors = { '/v2/*': 'housing-blue', '/ui/a&amp;b': 'ui' },
  origins = ['housing-blue', 'housing-green', 'ui'],
}: DistributionParts = {}): string {
  const names = Object.keys(behaviors)
  return `
  <CallerReference>terraform-20260112093011</CallerReference>
  <Aliases><Quantity>1</Quantity><Items><CNAME>models.example.com</CNAME></Items></Aliases>
  <DefaultRootObject/>
  <Origins><Quantity>${origins.length}</Quantity><Items>${origins.map(originXml).join('')}</Items></Origins>
  <OriginGroups><Quantity>0</Quantity></OriginGroups>
  <DefaultCacheBehavior>${behaviorXml(target)}</DefaultCacheBehavior>
  <CacheBehaviors><Quantity>${names.length}</Quantity>${itemsXml(behaviors)}</CacheBehaviors>
  <CustomErrorResponses><Quantity>0</Quantity></CustomErrorResponses>
  <!-- <TargetOriginId>not a target</TargetOriginId> -->
  <Comment>l&#xE4;uft &amp; l&#228;uft &lt;TargetOriginId&gt;housing-blue&lt;/TargetOriginId&gt; &#x0A;</Comment>
  <Logging><Enabled>false</Enabled><IncludeCookies>false</IncludeCookies><Bucket></Bucket><Prefix></Prefix></Logging>
  <PriceClass>PriceClass_100</PriceClass>
  <Enabled>${enabled}</Enabled>
  <ViewerCertificate><CloudFrontDefaultCertificate>true</CloudFrontDefaultCertificate></ViewerCertificate>
  <Restrictions><GeoRestriction><RestrictionType>none</RestrictionType><Quantity>0</Quantity></GeoRestriction></Restrictions>
  <WebACLId></WebACLId>
  <HttpVersion>http2and3</HttpVersion>
  <IsIPV6Enabled>true</IsIPV6Enabled>
  <ContinuousDeploymentPolicyId></ContinuousDeploymentPolicyId>
  <Staging>${staging}</Staging>
  <FutureSetting mode='fast' xmlns:f="urn:future"><f:Level>3</f:Level><![CDATA[<raw> & kept]]></FutureSetting>
`
}

function originXml(id: string, index: number): string {
  return `<Origin><Id>${id}</Id><DomainName>${id}.models.example.com</DomainName><OriginPath></OriginPath>
    <CustomHeaders><Quantity>1</Quantity><Items><OriginCustomHeader><HeaderName>x-origin-secret</HeaderName><HeaderValue>s3cret</HeaderValue></OriginCustomHeader></Items></CustomHeaders>
    <CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>http-only</OriginProtocolPolicy><OriginSslProtocols><Quantity>1</Quantity><Items><SslProtocol>TLSv1.2</SslProtocol></Items></OriginSslProtocols><OriginReadTimeout>${30 + index * 10}</OriginReadTimeout><OriginKeepaliveTimeout>5</OriginKeepaliveTimeout></CustomOriginConfig>
    <ConnectionAttempts>3</ConnectionAttempts><ConnectionTimeout>10</ConnectionTimeout><OriginShield><Enabled>false</Enabled></OriginShield><OriginAccessControlId></OriginAccessControlId><FutureOriginSetting>keep me</FutureOriginSetting></Origin>`
}

function itemsXml(behaviors: Record<string, string>): string {
  const items = Object.entries(behaviors).map(
    ([pathPattern, target]) =>
      `<CacheBehavior><PathPattern>${pathPattern}</PathPattern>${behaviorXml(target)}</CacheBehavior>`,
  )
  return items.length === 0 ? '' : `<Items>${items.join('\n')}</Items>`
}

function behaviorXml(target: string): string {
  return `<TargetOriginId>${target}</TargetOriginId><TrustedSigners><Enabled>false</Enabled><Quantity>0</Quantity></TrustedSigners>
    <ViewerProtocolPolicy>redirect-to-https</ViewerProtocolPolicy><AllowedMethods><Quantity>7</Quantity><Items><Method>HEAD</Method><Method>DELETE</Method><Method>POST</Method><Method>GET</Method><Method>OPTIONS</Method><Method>PUT</Method><Method>PATCH</Method></Items><CachedMethods><Quantity>2</Quantity><Items><Method>HEAD</Method><Method>GET</Method></Items></CachedMethods></AllowedMethods>
    <SmoothStreaming>false</SmoothStreaming><Compress>true</Compress><LambdaFunctionAssociations><Quantity>0</Quantity></LambdaFunctionAssociations><FunctionAssociations><Quantity>0</Quantity></FunctionAssociations><FieldLevelEncryptionId></FieldLevelEncryptionId><CachePolicyId>4135ea2d-6df8-44a3-9df3-4b5a84be39ad</CachePolicyId><GrpcConfig><Enabled>false</Enabled></GrpcConfig><FutureBehaviorSetting/>`
}

/** The answer of GetDistribution. */
export function distributionXml(parts: DistributionParts = {}): string {
  return `<?xml version="1.0"?>
<Distribution xmlns="${NAMESPACE}"><Id>E1HOUSINGLOCAL</Id><ARN>arn:aws:cloudfront::123456789012:distribution/E1HOUSINGLOCAL</ARN><Status>${parts.status ?? 'Deployed'}</Status><LastModifiedTime>2026-11-01T10:00:00.000Z</LastModifiedTime><InProgressInvalidationBatches>0</InProgressInvalidationBatches><DomainName>d1housinglocal.cloudfront.net</DomainName><ActiveTrustedSigners><Enabled>false</Enabled><Quantity>0</Quantity></ActiveTrustedSigners><DistributionConfig>${configXml(parts)}</DistributionConfig><AliasICPRecordals><AliasICPRecordal><CNAME>models.example.com</CNAME></AliasICPRecordal></AliasICPRecordals></Distribution>`
}
