/**
 * A stand-in for one AWS account and the cluster in it, for the scripts of this folder: programs named aws, eksctl, kubectl
 * and helm on a PATH, which ask this process. CloudFront is cloudfront-local, and what CloudFormation does there is done
 * there by the real SDK. Everything else is remembered: neither it nor moto's server runs EKS, ELB or these resource types of
 * CloudFormation, so here the scripts' own decisions are tested; npm run check:delivery has the real aws program read each
 * command line.
 */
import { GetDistributionCommand, type CloudFrontClient } from '@aws-sdk/client-cloudfront'
import { Programs, type Answer, type Called, type Ran } from '../../scripts/ci/test/programs.ts'
import { deployAtCloudFront } from './cloudfront-stack.ts'
import { readTemplate, Stack, textOf, type Made, type Properties } from './template.ts'

export const ACCOUNT = '123456789012'
export class Account {
  readonly stacks = new Map<string, Stack>()
  hasCluster = false
  hasBucket = false
  hasOperatorAssociation = false
  /** `id/outcome` of the release's attempt; without one there is no release. */
  attempt: string | undefined
  /** What is left with the cluster's tag, by region. */
  readonly leftovers: string[] = []
  /** Every command line of aws, in every account. */
  static readonly awsCalls: string[][] = []
  /** Answers that come before all others: what a call that contains the text is answered. */
  readonly answers = new Map<string, Answer>()
  readonly #sdk: CloudFrontClient
  readonly #programs = new Programs((call) => this.#answer(call))

  constructor(sdk: CloudFrontClient) {
    this.#sdk = sdk
  }

  get folder(): string {
    return this.#programs.folder
  }

  async open(): Promise<void> {
    await this.#programs.open(['aws', 'eksctl', 'kubectl', 'helm'])
  }

  close(): void {
    this.#programs.close()
  }

  /** Runs a script of this folder as a person would. */
  async run(script: string, environment: Record<string, string> = {}): Promise<Ran> {
    return await this.#programs.run(script, [], { STATE: `${this.folder}/state`, ...environment })
  }

  /** The command lines since the last time this was asked. */
  lines(): string[] {
    return this.#programs.lines()
  }

  async #answer({ program, args, input }: Called): Promise<Answer> {
    const line = args.join(' ')
    if (program === 'aws') Account.awsCalls.push(args)
    for (const [part, answer] of this.answers) if (`${program} ${line}`.includes(part)) return answer
    switch (program) {
      case 'aws':
        return await this.#aws(args, line)
      case 'eksctl':
        this.hasCluster = args[0] === 'create'
        return {}
      case 'kubectl':
        return this.#kubectl(line, input)
      default:
        return {}
    }
  }

  #aws(args: string[], line: string): Answer | Promise<Answer> {
    const call = this.#services[args.slice(0, 2).join(' ')]
    return call ? call((name) => args[args.indexOf(name) + 1] ?? '', line, args) : {}
  }

  readonly #services: Record<
    string,
    (option: (name: string) => string, line: string, args: string[]) => Answer | Promise<Answer>
  > = {
    'sts get-caller-identity': (_, line) => ({
      out: line.includes('Arn') ? `arn:aws:sts::${ACCOUNT}:assumed-role/admin/me` : ACCOUNT,
    }),
    'iam get-role': (option) => ({ out: `arn:aws:iam::${ACCOUNT}:role/path/${option('--role-name')}` }),
    'cloudformation deploy': (option, _, args) =>
      this.#deploy(option('--stack-name'), option('--template-file'), args),
    'cloudformation describe-stacks': (option, line) =>
      this.#describe(option('--stack-name'), /OutputKey=='(\w+)'/.exec(line)?.[1]),
    'cloudformation delete-stack': (option) => {
      this.stacks.delete(option('--stack-name'))
      return {}
    },
    'cloudfront get-distribution': (option) => this.#target(option('--id')),
    'eks describe-cluster': (_, line) => this.#cluster(line),
    'eks list-pod-identity-associations': () => ({ out: this.hasOperatorAssociation ? 'a-1' : 'None' }),
    'eks create-pod-identity-association': () => {
      this.hasOperatorAssociation = true
      return {}
    },
    'elbv2 describe-load-balancers': (_, line) => {
      const name = /DNSName=='([^']*)'/.exec(line)?.[1] ?? ''
      const isOurs = this.hasCluster && name.startsWith('internal-')
      return {
        out: isOurs ? `arn:aws:elasticloadbalancing:eu-west-1:${ACCOUNT}:loadbalancer/app/${name}/1` : 'None',
      }
    },
    's3api head-bucket': () =>
      this.hasBucket
        ? {}
        : { err: 'An error occurred (404) when calling the HeadBucket operation: Not Found', code: 254 },
    's3 rb': () => {
      this.hasBucket = false
      return {}
    },
    'resourcegroupstaggingapi get-resources': () => ({ out: this.leftovers.join('\t') }),
  }

  async #deploy(name: string, file: string, args: string[]): Promise<Answer> {
    const template = file.replace(/^.*\//, '')
    const pairs = args.slice(args.indexOf('--parameter-overrides') + 1).map((one) => {
      const at = one.indexOf('=')
      return [one.slice(0, at), one.slice(at + 1)]
    })
    const stack = new Stack(readTemplate(template), Object.fromEntries(pairs) as Record<string, string>)
    await deployAtCloudFront(stack, this.#sdk, { before: this.stacks.get(name), others: madeElsewhere })
    this.stacks.set(name, stack)
    if (template === 'distribution.yaml') this.hasBucket = true
    return {}
  }

  #describe(name: string, output: string | undefined): Answer {
    const stack = this.stacks.get(name)
    if (!stack)
      return {
        err: `An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id ${name} does not exist`,
        code: 254,
      }
    return { out: output === undefined ? 'CREATE_COMPLETE' : (stack.outputs()[output] ?? 'None') }
  }

  async #target(id: string): Promise<Answer> {
    const { Distribution } = await this.#sdk.send(new GetDistributionCommand({ Id: id }))
    return { out: Distribution?.DistributionConfig?.DefaultCacheBehavior?.TargetOriginId ?? '' }
  }

  #cluster(line: string): Answer {
    if (!this.hasCluster)
      return {
        err: 'An error occurred (ResourceNotFoundException) when calling the DescribeCluster operation: No cluster found for name: modelrelease.',
        code: 254,
      }
    if (line.includes('vpcId')) return { out: 'vpc-1' }
    return { out: line.includes('issuer') ? 'https://oidc.eks.eu-west-1.amazonaws.com/id/ABC' : '{}' }
  }

  #kubectl(line: string, input: string): Answer {
    const color = /^get ingress \S+-(blue|green)/.exec(line)?.[1]
    if (color !== undefined) return { out: `internal-${color}.eu-west-1.elb.amazonaws.com` }
    if (line.startsWith('get modelreleases')) return { out: this.attempt ?? '' }
    return line.includes('-f -') && input === '' ? { err: 'nothing to apply', code: 1 } : {}
  }
}

function madeElsewhere(name: string, type: string, properties: Properties): Made {
  const own = textOf(properties.RoleName ?? properties.RepositoryName ?? properties.BucketName ?? name)
  const arn = `arn:aws:${type.split('::')[1]?.toLowerCase() ?? ''}::${ACCOUNT}:${own}`
  return {
    ref: own,
    attributes: { Arn: arn, RepositoryUri: `${ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/${own}` },
  }
}
