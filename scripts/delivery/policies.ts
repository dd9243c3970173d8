/** Our stacks with everything in them made up, so that their policies can be read. */
import { readTemplate, Stack } from '../../eksctl/test/template.ts'

const NONE = '123456789012'

/** A stack for each set of policies that there can be. */
export function policyStacks(): Record<string, Stack> {
  const balancer = `arn:aws:elasticloadbalancing:eu-west-1:${NONE}:loadbalancer/app/a/1`
  const distribution = {
    Cluster: 'modelrelease',
    BlueLoadBalancerArn: balancer,
    BlueLoadBalancerDomain: 'blue.example.com',
    GreenLoadBalancerArn: balancer,
    GreenLoadBalancerDomain: 'green.example.com',
  }
  const ci = {
    Cluster: 'modelrelease',
    OrganizationId: '11111111-1111-4111-8111-111111111111',
    ProjectId: '22222222-2222-4222-8222-222222222222',
    Repository: 'github.com/owner/name',
  }
  return {
    distribution: filled('distribution.yaml', distribution),
    key: filled('distribution.yaml', {
      ...distribution,
      Driver: 'CloudFrontKeyValueStore',
      UpdateReadsVpcOrigins: 'true',
    }),
    ci: filled('ci.yaml', ci),
  }
}

const ATTRIBUTES = {
  'Store.Arn': `arn:aws:cloudfront::${NONE}:key-value-store/a1b2c3d4-5678-90ab-cdef-0123456789ab`,
  'Route.FunctionMetadata.FunctionARN': `arn:aws:cloudfront::${NONE}:function/route-housing`,
  'BlueOrigin.Arn': `arn:aws:cloudfront::${NONE}:vpcorigin/vo_blue`,
  'GreenOrigin.Arn': `arn:aws:cloudfront::${NONE}:vpcorigin/vo_green`,
  'Provider.Arn': `arn:aws:iam::${NONE}:oidc-provider/oidc.circleci.com/org/any`,
}

function filled(template: string, parameters: Record<string, string>): Stack {
  const stack = new Stack(readTemplate(template), parameters)
  stack.made.set('Distribution', { ref: 'E123EXAMPLE', attributes: {} })
  for (const [name, value] of Object.entries(ATTRIBUTES)) {
    const [resource = '', ...attribute] = name.split('.')
    stack.made.set(resource, { ref: resource, attributes: { [attribute.join('.')]: value } })
  }
  return stack
}
