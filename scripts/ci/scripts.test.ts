/** The scripts of CI, with stand-ins for what is not to be had here; the real registry and signer are in delivery checks. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { readTemplate, Stack, textOf } from '../../eksctl/test/template.ts'
import { actionsOf, statementsOf } from '../../eksctl/test/policies.ts'
import { Programs, ROOT, type Answer, type Called } from './test/programs.ts'

const DIGEST = `sha256:${'b'.repeat(64)}`
const SERVER = `123456789012.dkr.ecr.eu-west-1.amazonaws.com/modelrelease/model-server@${DIGEST}`
const PLACE = { CLUSTER: 'modelrelease', AWS_REGION: 'eu-west-1' }

const opened: Programs[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one.close()
})

async function programs(names: string[], answer: (call: Called) => Answer = () => ({})): Promise<Programs> {
  const one = new Programs(answer)
  opened.push(one)
  await one.open(names)
  return one
}

describe('aws-identity.sh', () => {
  const ROLE = 'arn:aws:iam::123456789012:role/modelrelease-ci-push'

  test('lets the job act as the role by its token, and stores no key', async () => {
    const machine = await programs([])
    const environment = join(machine.folder, 'environment')
    const { code, err } = await machine.run('scripts/ci/aws-identity.sh', [ROLE], {
      BASH_ENV: environment,
      CIRCLE_OIDC_TOKEN_V2: 'header.body.signature',
    })
    expect([code, err]).toEqual([0, ''])
    const lines = Object.fromEntries(
      readFileSync(environment, 'utf8')
        .trim()
        .split('\n')
        .map((line) => /^export (\w+)='(.*)'$/.exec(line)?.slice(1) ?? []),
    ) as Record<string, string>
    expect(Object.keys(lines)).toEqual([
      'AWS_ROLE_ARN',
      'AWS_WEB_IDENTITY_TOKEN_FILE',
      'AWS_ROLE_SESSION_NAME',
    ])
    expect(lines.AWS_ROLE_ARN).toBe(ROLE)
    expect(readFileSync(lines.AWS_WEB_IDENTITY_TOKEN_FILE ?? '', 'utf8')).toBe('header.body.signature')
  })

  test.each([
    { what: 'an empty role', role: '', token: 'a.b.c', says: 'give the ARN' },
    {
      what: 'a role that is none',
      role: "x'; rm -rf /; '",
      token: 'a.b.c',
      says: 'is not the ARN of a role',
    },
    { what: 'a job without a context', role: ROLE, token: '', says: 'only jobs with a context' },
  ])('refuses $what', async ({ role, token, says }) => {
    const machine = await programs([])
    const BASH_ENV = join(machine.folder, 'environment')
    const { code, err } = await machine.run('scripts/ci/aws-identity.sh', [role], {
      BASH_ENV,
      CIRCLE_OIDC_TOKEN_V2: token,
    })
    expect([code, err]).toEqual([1, expect.stringContaining(says)])
  })
})

describe('release.sh', () => {
  const VALUES = {
    ...PLACE,
    MODEL_SERVER_IMAGE: SERVER,
    MODEL_URI: 's3://models/housing/1/model.onnx',
    DISTRIBUTION_ID: 'E123EXAMPLE',
    HOST_NAME: 'models.example.com',
  }

  test.each([0, 1, 2, 3])(
    'applies one release, waits, and ends with the exit code of the wait: %i',
    async (code) => {
      const machine = await programs(['aws', 'kubectl-modelrelease'], ({ program }) => ({
        code: program === 'aws' ? 0 : code,
      }))
      const ran = await machine.run('scripts/ci/release.sh', ['.circleci/release.yaml'], VALUES)
      expect([ran.code, ran.err]).toEqual([code, ''])
      const applied = machine.calls.at(-1)
      expect(applied?.args).toEqual([
        'apply',
        '--filename',
        '-',
        '--wait',
        '--timeout',
        '45m',
        '--field-manager',
        'circleci',
      ])
      expect(load(applied?.input ?? '')).toMatchObject({
        kind: 'ModelRelease',
        spec: {
          model: { serverImage: SERVER, uri: VALUES.MODEL_URI },
          traffic: {
            cloudFrontDistribution: {
              distributionId: 'E123EXAMPLE',
              verify: { url: 'https://models.example.com/v2/health/ready' },
            },
          },
        },
      })
    },
  )

  test('the model in it is the one of the examples', () => {
    const samples = JSON.parse(readFileSync(join(ROOT, 'examples/housing/samples.json'), 'utf8')) as {
      models: Record<string, { sha256: string }>
      samples: { predictions: Record<string, number> }[]
    }
    const release = load(readFileSync(join(ROOT, '.circleci/release.yaml'), 'utf8')) as {
      spec: { model: { sha256: string }; gates: { smoke: { expect: { json: { equals: number }[] } } }[] }
    }
    expect(release.spec.model.sha256).toBe(samples.models['1']?.sha256)
    expect(release.spec.gates[0]?.smoke.expect.json[0]?.equals).toBe(samples.samples[0]?.predictions['1'])
  })

  test.each([
    { HOST_NAME: '' },
    { HOST_NAME: 'a.example.com/\n  driftPolicy: Ignore' },
    { MODEL_SERVER_IMAGE: "x'}" },
    { DISTRIBUTION_ID: '${HOST_NAME}' },
  ])('applies nothing with %j', async (bad) => {
    const machine = await programs(['aws', 'kubectl-modelrelease'], ({ program, input }) => ({
      code: program === 'aws' || input !== '' ? 0 : 3,
    }))
    const { code, err } = await machine.run('scripts/ci/release.sh', ['.circleci/release.yaml'], {
      ...VALUES,
      ...bad,
    })
    expect(code).not.toBe(0)
    expect(err).toContain(`${Object.keys(bad)[0] ?? ''} is "`)
    expect(machine.calls.filter(({ input }) => input.includes('kind: ModelRelease'))).toEqual([])
  })
})

type Found = {
  metadata: { generation: number }
  spec: { model: { serverImage: string } }
  status?: { observedGeneration: number; attempt: { id: string; outcome?: string } }
}

/** As kubectl prints the fields that the script asks for. */
function asJsonpath({ metadata, spec, status }: Found): string {
  const { id, outcome } = status?.attempt ?? {}
  return [spec.model.serverImage, metadata.generation, status?.observedGeneration, id, outcome]
    .map((one) => one ?? '')
    .join('\n')
}

describe('release-a-model.yml', () => {
  const { jobs } = load(readFileSync(join(ROOT, '.circleci/release-a-model.yml'), 'utf8')) as {
    jobs: { release: { steps: (string | { run: string })[]; environment: Record<string, string> } }
  }
  const commands = jobs.release.steps.flatMap((step) => (typeof step === 'string' ? [] : [step.run]))

  test.each([0, 1])(
    'its commands, one after the other, end with what became of the release: %i',
    async (code) => {
      const machine = await programs(['npm', 'aws', 'kubectl-modelrelease'], ({ program }) => ({
        code: program === 'kubectl-modelrelease' ? code : 0,
      }))
      const environment = {
        ...PLACE,
        ...jobs.release.environment,
        BASH_ENV: join(machine.folder, 'environment'),
        CIRCLE_OIDC_TOKEN_V2: 'header.body.signature',
        AWS_RELEASE_ROLE_ARN: 'arn:aws:iam::123456789012:role/modelrelease-ci-release',
      }
      writeFileSync(environment.BASH_ENV, '')
      const codes: number[] = []
      for (const [index, command] of commands.entries()) {
        const file = join(machine.folder, `step-${index}`)
        // What CircleCI runs a command by.
        writeFileSync(file, `set -eo pipefail\n${command}`)
        codes.push((await machine.run(relative(ROOT, file), [], environment)).code)
      }
      expect(codes).toEqual([0, 0, 0, code])
      expect(machine.lines()).toEqual([
        `npm install --prefix ${machine.folder}/cli kubectl-modelrelease@0.1.0 node@24.21.0`,
        'aws eks update-kubeconfig --name modelrelease --region eu-west-1',
        'kubectl-modelrelease apply -f release.yaml --wait --timeout 45m --field-manager circleci',
      ])
      const exported = readFileSync(environment.BASH_ENV, 'utf8')
      expect(exported).toContain(`AWS_ROLE_ARN=${environment.AWS_RELEASE_ROLE_ARN}`)
      expect(readFileSync(join(machine.folder, 'token'), 'utf8')).toBe('header.body.signature')
    },
  )
})

describe('abort.sh', () => {
  const release = (changes: Partial<Found> = {}): Found => ({
    metadata: { generation: 4 },
    spec: { model: { serverImage: SERVER } },
    status: { observedGeneration: 4, attempt: { id: 'r9-1' } },
    ...changes,
  })
  const abort = async (
    found: Found | undefined,
  ): Promise<{ machine: Programs; code: number; annotated: string[] }> => {
    const machine = await programs(['aws', 'kubectl'], ({ args }) =>
      args[0] === 'get' && found ? { out: asJsonpath(found) } : {},
    )
    const environment = { ...PLACE, MODEL_SERVER_IMAGE: SERVER, CIRCLE_WORKFLOW_ID: 'w-1' }
    const { code } = await machine.run('scripts/ci/abort.sh', ['housing', 'models'], environment)
    const annotated = machine.lines().filter((line) => line.startsWith('kubectl annotate'))
    return { machine, code, annotated }
  }

  test('ends the attempt that is on its way, by the same word each time', async () => {
    const command =
      'kubectl annotate modelrelease housing --namespace models --overwrite modelrelease.io/command=abort/r9-1/w-1'
    for (let time = 1; time <= 2; time += 1)
      expect(await abort(release())).toMatchObject({ code: 0, annotated: [command] })
  })

  test.each([
    { name: 'there is no release', found: undefined, code: 0 },
    {
      name: 'the operator has not seen it',
      found: { metadata: { generation: 1 }, spec: { model: { serverImage: SERVER } } },
      code: 1,
    },
    {
      name: 'the attempt has ended',
      found: release({ status: { observedGeneration: 4, attempt: { id: 'r9-1', outcome: 'RolledBack' } } }),
      code: 0,
    },
    {
      name: 'another release has come since',
      found: release({ spec: { model: { serverImage: 'another' } } }),
      code: 0,
    },
    {
      name: 'the operator has not seen the spec, so the attempt is an older one',
      found: release({ metadata: { generation: 5 } }),
      code: 1,
    },
  ])('leaves alone where $name', async ({ found, code }) => {
    expect(await abort(found)).toMatchObject({ code, annotated: [] })
  })
})

describe('scan.sh', () => {
  test.each(['AWS_ACCESS_KEY_ID', 'AWS_ROLE_ARN', 'CIRCLE_OIDC_TOKEN', 'CIRCLE_OIDC_TOKEN_V2'])(
    'does not run where there is %s',
    async (name) => {
      const machine = await programs(['go'])
      const { code, err } = await machine.run('scripts/ci/scan.sh', ['images/operator.tar'], {
        [name]: 'any',
      })
      expect([code, err]).toEqual([1, expect.stringContaining('give it no context')])
      expect(machine.lines()).toEqual([])
    },
  )
})

describe('hadolint.sh and build.sh', () => {
  test('every Dockerfile is linted, by an image with a digest, without a network', async () => {
    const machine = await programs(['docker'])
    expect((await machine.run('scripts/ci/hadolint.sh', [])).code).toBe(0)
    expect(machine.calls.map(({ input }) => input.split('\n', 1)[0])).toEqual([
      expect.stringContaining('# The operator.'),
      expect.stringContaining('# The model server.'),
    ])
    for (const line of machine.lines()) {
      expect(line).toMatch(/ hadolint\/hadolint:v[\d.]+@sha256:[0-9a-f]{64} /)
      expect(line).toContain('--network none')
    }
  })

  test('a Dockerfile that hadolint refuses fails the job', async () => {
    const machine = await programs(['docker'], () => ({ code: 1 }))
    expect((await machine.run('scripts/ci/hadolint.sh', [])).code).toBe(1)
  })

  test('an image becomes an archive with a digest', async () => {
    const machine = await programs(['docker'], ({ args }) => ({ code: args.includes('inspect') ? 1 : 0 }))
    expect(
      (await machine.run('scripts/ci/build.sh', ['server', 'out.tar'], { CIRCLE_SHA1: 'abc' })).code,
    ).toBe(0)
    const lines = machine.lines()
    expect(lines.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'docker buildx inspect',
      'docker buildx create',
      'docker buildx build',
    ])
    expect(lines.at(-1)).toContain('--output type=oci,dest=out.tar')
  })
})

describe('tool.sh', () => {
  test.each([
    ['kind', 'kind', / sigs\.k8s\.io\/kind@v\d+\.\d+\.\d+$/],
    ['helm4', 'helm', / helm\.sh\/helm\/v4\/cmd\/helm@v4\.\d+\.\d+$/],
  ])('compiles %s once, at its version, and in one step', async (tool, program, asked) => {
    const machine = await programs(['go'])
    const go = readFileSync(join(machine.folder, 'go'), 'utf8')
    // Makes what `go install` would make.
    const makes = `printf built >"$GOBIN/${program}" && chmod +x "$GOBIN/${program}"`
    writeFileSync(join(machine.folder, 'go'), go.replace('#!/bin/bash', `#!/bin/bash\n${makes}`))
    for (let time = 1; time <= 2; time += 1) {
      const { code, out } = await machine.run('scripts/ci/tool.sh', [tool])
      expect([code, readFileSync(out.trim(), 'utf8')]).toEqual([0, 'built'])
    }
    expect(machine.lines()).toEqual([expect.stringMatching(asked)])
  })

  test('knows no other', async () => {
    expect((await (await programs([])).run('scripts/ci/tool.sh', ['curl'])).code).toBe(2)
  })
})

describe('what CI may do at AWS', () => {
  const stack = new Stack(readTemplate('ci.yaml'), {
    Cluster: 'modelrelease',
    OrganizationId: '11111111-1111-4111-8111-111111111111',
    ProjectId: '22222222-2222-4222-8222-222222222222',
    Repository: 'github.com/owner/name',
  })
  stack.made.set('Provider', { ref: 'p', attributes: { Arn: 'arn:aws:iam::123456789012:oidc-provider/p' } })

  test('is pushing and reaching the cluster, and nothing of CloudFront', () => {
    expect(actionsOf(statementsOf(stack))).toEqual([
      'ecr:BatchCheckLayerAvailability',
      'ecr:BatchGetImage',
      'ecr:CompleteLayerUpload',
      'ecr:GetAuthorizationToken',
      'ecr:GetDownloadUrlForLayer',
      'ecr:InitiateLayerUpload',
      'ecr:PutImage',
      'ecr:UploadLayerPart',
      'eks:DescribeCluster',
    ])
  })

  test('is for one branch of one repository of one project alone', () => {
    const roles = stack.resources.filter(([, { Type }]) => Type === 'AWS::IAM::Role')
    expect(roles.map(([name]) => name)).toEqual(['PushRole', 'ReleaseRole'])
    for (const [, { Properties }] of roles) {
      const trust = JSON.parse(textOf(stack.resolve(Properties?.AssumeRolePolicyDocument ?? null))) as {
        Statement: unknown[]
      }
      expect(trust.Statement).toEqual([
        {
          Effect: 'Allow',
          Principal: { Federated: 'arn:aws:iam::123456789012:oidc-provider/p' },
          Action: 'sts:AssumeRoleWithWebIdentity',
          Condition: {
            StringEquals: {
              'oidc.circleci.com/org/11111111-1111-4111-8111-111111111111:aud':
                '11111111-1111-4111-8111-111111111111',
            },
            StringLike: {
              'oidc.circleci.com/org/11111111-1111-4111-8111-111111111111:sub':
                'org/11111111-1111-4111-8111-111111111111/project/22222222-2222-4222-8222-222222222222/user/*/vcs-origin/github.com/owner/name/vcs-ref/refs/heads/main',
            },
          },
        },
      ])
    }
  })
})
