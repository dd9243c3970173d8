/** Prints the objects that the scripts of this folder apply, as JSON: node eksctl/objects.ts KIND VALUE... */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const EXAMPLE = join(import.meta.dirname, '../examples/housing')

type Values = readonly string[]

/** The trust policy of the operator's role for the tokens of one cluster and one ServiceAccount (IRSA). */
function trust([issuer = '', account = '']: Values): object {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 'sts:AssumeRoleWithWebIdentity',
        Principal: { Federated: `arn:aws:iam::${account}:oidc-provider/${issuer}` },
        Condition: {
          StringEquals: {
            [`${issuer}:aud`]: 'sts.amazonaws.com',
            [`${issuer}:sub`]: 'system:serviceaccount:modelrelease-system:modelrelease-operator',
          },
        },
      },
    ],
  }
}

/** Which namespace may move what: docs/cloudfront.md. */
function allowList([name = '', distributionId = '', store = '']: Values): object {
  const target = {
    namespaces: ['models'],
    distributionId,
    behaviors: ['*'],
    origins: [`${name}-blue`, `${name}-green`],
    ...(store === '' ? {} : { keyValueStores: [{ arn: store, keys: [name] }] }),
  }
  return { targets: [target] }
}

/** The kustomization over manifests/overlays/eks, which mounts the allow-list. */
function overlay([base = '', operator = '', server = '', region = '', role = '']: Values): object {
  const [newName, digest] = operator.split('@')
  const metadata = { name: 'modelrelease-operator', namespace: 'modelrelease-system' }
  const container = {
    name: 'operator',
    env: [
      { name: 'MODEL_SERVER_IMAGE', value: server },
      { name: 'AWS_REGION', value: region },
    ],
  }
  const annotations = role === '' ? {} : { 'eks.amazonaws.com/role-arn': role }
  return {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [base],
    images: [{ name: 'modelrelease/operator', newName, digest }],
    configMapGenerator: [
      {
        name: 'cloudfront-allow-list',
        namespace: metadata.namespace,
        behavior: 'replace',
        files: ['allow-list.yaml'],
      },
    ],
    patches: [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...metadata, annotations } },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: { template: { spec: { containers: [container] } } },
      },
    ].map((patch) => ({ patch: JSON.stringify(patch) })),
  }
}

type Samples = { samples: { request: object; predictions: Record<string, number> }[] }

/** The first release of the housing predictor, with a house whose price is known as its gate. */
function release([
  name = '',
  uri = '',
  distributionId = '',
  host = '',
  driver = '',
  store = '',
]: Values): object {
  const { samples } = JSON.parse(readFileSync(join(EXAMPLE, 'samples.json'), 'utf8')) as Samples
  const house = samples[0]
  const sha256 = createHash('sha256')
    .update(readFileSync(join(EXAMPLE, 'models/housing-1.onnx')))
    .digest('hex')
  const expected = { path: '$.prediction[0]', equals: house?.predictions['1'], absoluteTolerance: 0.01 }
  const smoke = {
    request: { method: 'POST', path: '/predict', json: house?.request },
    expect: { json: [expected] },
    consecutive: 2,
  }
  const pointer = {
    distributionId,
    behaviors: [{ pathPattern: '*' }],
    origins: { blue: `${name}-blue`, green: `${name}-green` },
    // Nobody but CloudFront reaches a VPC origin, so the way through it is proven by verify.
    originProof: 'Waived',
    verify: { url: `https://${host}/v2/health/ready`, consecutive: 5 },
    ...(store === '' ? {} : { keyValueStoreArn: store, key: name }),
  }
  return {
    apiVersion: 'modelrelease.io/v1alpha1',
    kind: 'ModelRelease',
    metadata: { name, namespace: 'models' },
    spec: {
      replicas: 2,
      progressDeadlineSeconds: 1200,
      model: { name: 'housing', version: '1', uri, sha256 },
      gates: [{ name: 'a-known-house', smoke }],
      traffic: { type: driver, [driver.replace(/^C/, 'c')]: pointer },
    },
  }
}

const KINDS: Record<string, (values: Values) => object> = { trust, 'allow-list': allowList, overlay, release }

const [kind = '', ...values] = process.argv.slice(2)
const make = KINDS[kind]
if (!make) throw new Error(`"${kind}" is none of ${Object.keys(KINDS).join(', ')}`)
console.log(JSON.stringify(make(values), null, 2))
