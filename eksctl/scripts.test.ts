/** The scripts of this folder, from an empty account to the first release and back; see test/account.ts for what is real. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { admin, calls, cloudFront, onEnd, start, type Running } from '../cloudfront-local/test/running.ts'
import { Account } from './test/account.ts'
import { textOf } from './test/template.ts'

type Opened = { account: Account; local: Running }

const DIGEST = `sha256:${'a'.repeat(64)}`
const IMAGES = {
  OPERATOR_IMAGE: `registry.example.com/operator@${DIGEST}`,
  MODEL_SERVER_IMAGE: `registry.example.com:5000/model-server@${DIGEST}`,
}
const KEYS = { DRIVER: 'CloudFrontKeyValueStore' }

async function open(): Promise<Opened> {
  const local = await start({ edges: 1, seed: { distributions: [] } })
  const account = new Account(cloudFront(local))
  await account.open()
  onEnd(() => account.close())
  return { account, local }
}

/** Runs what must succeed. */
async function play(
  account: Account,
  script: string,
  environment: Record<string, string> = {},
): Promise<string> {
  const { code, out, err } = await account.run(`eksctl/${script}`, environment)
  expect({ script, code, err }).toEqual({ script, code: 0, err: '' })
  return out
}

async function install(account: Account, environment: Record<string, string> = {}): Promise<void> {
  for (const script of ['1-registry.sh', '2-cluster.sh', '3-origins.sh', '4-distribution.sh'])
    await play(account, script, environment)
  await play(account, '5-operator.sh', { ...IMAGES, ...environment })
}

function written(account: Account, file: string): unknown {
  return load(readFileSync(join(account.folder, 'state', file), 'utf8'))
}

async function distributions(local: Running): Promise<{ id: string }[]> {
  return (await admin(local, 'GET', '/distributions')) as { id: string }[]
}

async function pointAt(local: Running, targetOriginId: string): Promise<void> {
  const [one] = await distributions(local)
  await admin(local, 'POST', `/distributions/${one?.id ?? ''}/foreign-write`, { targetOriginId })
}

describe('from an empty account to the first release', () => {
  test.each([
    { FLAVOR: 'auto-mode', DRIVER: 'CloudFrontDistribution' },
    { FLAVOR: 'auto-mode', ...KEYS },
    { FLAVOR: 'fargate', DRIVER: 'CloudFrontDistribution' },
    { FLAVOR: 'fargate', ...KEYS },
  ])('$FLAVOR, $DRIVER', async (environment) => {
    const { account, local } = await open()
    await install(account, environment)
    const [distribution] = await distributions(local)
    const out = await play(account, '6-first-release.sh', {
      ...environment,
      MODEL_URI: 'https://models.example.com/housing-1.onnx',
    })
    expect(out).toContain('/predict answers')
    expect(account.lines().filter((line) => line.startsWith('kubectl modelrelease'))).toEqual([
      `kubectl modelrelease apply -f ${account.folder}/state/release.yaml --wait --timeout 45m`,
    ])
    expect(written(account, 'release.yaml')).toMatchObject({
      kind: 'ModelRelease',
      metadata: { name: 'housing', namespace: 'models' },
      spec: {
        model: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown },
        gates: [{ smoke: { expect: { json: [{ equals: 30.720249 }] } } }],
        traffic: { type: environment.DRIVER },
      },
    })
    const { traffic } = (
      written(account, 'release.yaml') as { spec: { traffic: Record<string, { distributionId?: string }> } }
    ).spec
    const settings = Object.values(traffic).find((one) => typeof one === 'object')
    expect(settings?.distributionId).toBe(distribution?.id)
    const list = written(account, 'overlay/allow-list.yaml') as { targets: Record<string, unknown>[] }
    expect(list.targets).toMatchObject([{ namespaces: ['models'], distributionId: distribution?.id }])
    expect('keyValueStores' in (list.targets[0] ?? {})).toBe(environment.DRIVER === KEYS.DRIVER)
  })

  test('each step may run twice: what is there stays, and nothing is made again', async () => {
    const { account, local } = await open()
    await install(account, KEYS)
    const made = await distributions(local)
    account.lines()
    await install(account, KEYS)
    const again = account.lines()
    expect(again.filter((line) => line.startsWith('eksctl'))).toEqual([])
    expect(again.filter((line) => line.includes('create-pod-identity-association'))).toEqual([])
    expect((await distributions(local)).map(({ id }) => id)).toEqual(made.map(({ id }) => id))
  })

  test('the operator has an identity before it has pods', async () => {
    const { account } = await open()
    await install(account)
    const lines = account.lines()
    const associated = lines.findIndex((line) => line.includes('create-pod-identity-association'))
    const applied = lines.findIndex((line) => line.startsWith('kubectl apply --server-side -k'))
    expect(associated).toBeGreaterThan(0)
    expect(applied).toBeGreaterThan(associated)
  })

  test('with Fargate the role is for the tokens of this cluster and of this ServiceAccount alone', async () => {
    const { account } = await open()
    await install(account, { FLAVOR: 'fargate' })
    const stack = account.stacks.get('modelrelease-housing')
    const role = stack?.resources.find(([name]) => name === 'OperatorRole')?.[1].Properties
      ?.AssumeRolePolicyDocument
    expect(JSON.parse(textOf(stack?.resolve(role ?? null)))).toMatchObject({
      Statement: [
        {
          Principal: {
            Federated: 'arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC',
          },
          Condition: {
            StringEquals: {
              'oidc.eks.eu-west-1.amazonaws.com/id/ABC:aud': 'sts.amazonaws.com',
              'oidc.eks.eu-west-1.amazonaws.com/id/ABC:sub':
                'system:serviceaccount:modelrelease-system:modelrelease-operator',
            },
          },
        },
      ],
    })
    expect(account.lines().filter((line) => line.includes('pod-identity-association'))).toEqual([])
  })
})

describe('an update of the distribution', () => {
  test('leaves users at the color that is live', async () => {
    const { account, local } = await open()
    await install(account)
    await pointAt(local, 'housing-green')
    await play(account, '4-distribution.sh', { HOST_NAME: '' })
    const updates = calls(local).filter(({ operation }) => operation === 'UpdateDistribution')
    expect(updates.flatMap(({ targets = [] }) => targets)).toEqual([])
    expect(updates.length).toBeGreaterThan(0)
  })

  test.each([
    {
      name: 'users are at an origin that is no color',
      target: 'housing-old',
      says: 'leads to housing-old, which is neither color',
    },
    { name: 'a release is on its way', attempt: 'a1/', says: 'the release housing is on its way' },
  ])('is not made while $name', async ({ target, attempt, says }) => {
    const { account, local } = await open()
    await install(account)
    const [one] = await distributions(local)
    if (target !== undefined) account.answers.set('aws cloudfront get-distribution', { out: target })
    account.attempt = attempt
    account.lines()
    const { code, err } = await account.run('eksctl/4-distribution.sh')
    expect(code).toBe(1)
    expect(err).toContain(says)
    expect(account.lines().filter((line) => line.includes('cloudformation deploy'))).toEqual([])
    expect(one).toBeDefined()
  })

  test.each(['', '/', 'a1/Promoted', 'a1/RolledBack'])('is made at rest: attempt "%s"', async (attempt) => {
    const { account } = await open()
    await install(account)
    account.attempt = attempt
    await play(account, '4-distribution.sh')
  })

  test('is not made where the cluster does not answer', async () => {
    const { account } = await open()
    await install(account)
    account.answers.set('kubectl get modelreleases', { err: 'Unable to connect to the server', code: 1 })
    const { code, err } = await account.run('eksctl/4-distribution.sh')
    expect([code, err]).toEqual([1, expect.stringContaining('Unable to connect')])
  })
})

describe('what is wrong is said before anything is made', () => {
  test.each([
    { script: '2-cluster.sh', environment: { FLAVOR: 'fargte' }, says: 'FLAVOR=fargte' },
    { script: '4-distribution.sh', environment: { DRIVER: 'Key' }, says: 'DRIVER=Key' },
    { script: '1-registry.sh', environment: { CLUSTER: 'My Cluster' }, says: 'CLUSTER=My Cluster' },
    { script: '1-registry.sh', environment: { NAME: 'housing; rm' }, says: 'NAME=housing; rm' },
    {
      script: '5-operator.sh',
      environment: { ...IMAGES, OPERATOR_IMAGE: 'operator:latest' },
      says: 'got "operator:latest"',
    },
    { script: '5-operator.sh', environment: {}, says: 'by their digests' },
    { script: '6-first-release.sh', environment: {}, says: 'MODEL_URI' },
    { script: 'delete-everything.sh', environment: {}, says: 'set CONFIRM=modelrelease' },
    { script: 'delete-everything.sh', environment: { CONFIRM: 'yes' }, says: 'set CONFIRM=modelrelease' },
  ])('$script: $says', async ({ script, environment, says }) => {
    const { account } = await open()
    const { code, err } = await account.run(`eksctl/${script}`, environment)
    expect([code, err]).toEqual([1, expect.stringContaining(says)])
    const changing = /deploy|create|apply|delete-stack|rb |upgrade/
    expect(account.lines().filter((line) => changing.test(line))).toEqual([])
  })
})

describe('and back to an empty account', () => {
  const CONFIRM = { CONFIRM: 'modelrelease' }

  test('deletes all of it, the distribution before its load balancers, those before the cluster', async () => {
    const { account } = await open()
    await install(account)
    await play(account, '7-ci.sh', {
      CIRCLECI_ORGANIZATION_ID: '11111111-1111-4111-8111-111111111111',
      CIRCLECI_PROJECT_ID: '22222222-2222-4222-8222-222222222222',
      REPOSITORY: 'github.com/owner/name',
    })
    account.lines()
    expect(await play(account, 'delete-everything.sh', CONFIRM)).toContain('nothing of modelrelease is left')
    const order = account
      .lines()
      .filter((line) => /delete-stack|delete namespace|eksctl|s3 rb/.test(line))
      .map((line) => /namespace \S+|--stack-name \S+|eksctl delete|s3:\S+/.exec(line)?.[0])
    expect(order).toEqual([
      'namespace modelrelease-system',
      '--stack-name modelrelease-housing',
      'namespace models',
      '--stack-name modelrelease-ci',
      'eksctl delete',
      '--stack-name modelrelease-registry',
      's3://modelrelease-housing-logs-123456789012',
    ])
    expect([account.stacks.size, account.hasCluster, account.hasBucket]).toEqual([0, false, false])
    expect(existsSync(join(account.folder, 'state'))).toBe(false)
  })

  test('twice, and in an account that never had any of it, there is nothing to do', async () => {
    const { account } = await open()
    for (let time = 1; time <= 2; time += 1) {
      await play(account, 'delete-everything.sh', CONFIRM)
      expect(account.lines().filter((line) => /delete|eksctl|s3 rb/.test(line))).toEqual([])
    }
  })

  test.each([
    'aws cloudformation wait stack-delete-complete --stack-name modelrelease-housing',
    'kubectl delete namespace models',
    'eksctl delete cluster',
    'aws s3 rb',
  ])('goes on where it failed: %s', async (failing) => {
    const { account } = await open()
    await install(account)
    account.answers.set(failing, { err: 'no', code: 1 })
    expect((await account.run('eksctl/delete-everything.sh', CONFIRM)).code).not.toBe(0)
    account.answers.clear()
    await play(account, 'delete-everything.sh', CONFIRM)
    expect([account.stacks.size, account.hasCluster, account.hasBucket]).toEqual([0, false, false])
  })

  test.each([
    { call: 'aws cloudformation describe-stacks', says: 'ExpiredToken' },
    { call: 'aws eks describe-cluster', says: 'AccessDeniedException' },
    { call: 'aws s3api head-bucket', says: '403' },
  ])('takes no other failure of $call for "it is not there"', async ({ call, says }) => {
    const { account } = await open()
    await install(account)
    account.answers.set(call, { err: `An error occurred (${says})`, code: 254 })
    const { code, err, out } = await account.run('eksctl/delete-everything.sh', CONFIRM)
    expect([code, err]).toEqual([1, expect.stringContaining(says)])
    expect(out).not.toContain('nothing of modelrelease is left')
  })

  test('tells what is left behind', async () => {
    const { account } = await open()
    account.leftovers.push('arn:aws:ec2:eu-west-1:123456789012:natgateway/nat-1')
    const { code, err } = await account.run('eksctl/delete-everything.sh', CONFIRM)
    expect([code, err]).toEqual([1, expect.stringContaining('natgateway/nat-1')])
  })
})
