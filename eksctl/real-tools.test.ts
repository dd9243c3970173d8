/**
 * The command lines of the scripts, read by the real programs: aws, answered by moto's server, and kubectl's kustomize. Left out
 * where they are not installed; npm run check:delivery installs the first, make test builds the second.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { loadAll } from 'js-yaml'
import { cloudFront, onEnd, start } from '../cloudfront-local/test/running.ts'
import { builtKubectl } from '../scripts/built-tools.ts'
import { Account } from './test/account.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const IMAGES = {
  OPERATOR_IMAGE: `registry.example.com/operator@${DIGEST}`,
  MODEL_SERVER_IMAGE: `registry.example.com:5000/model-server@${DIGEST}`,
}
const CI = {
  CIRCLECI_ORGANIZATION_ID: '11111111-1111-4111-8111-111111111111',
  CIRCLECI_PROJECT_ID: '22222222-2222-4222-8222-222222222222',
  REPOSITORY: 'github.com/owner/name',
}

async function opened(): Promise<Account> {
  const local = await start({ edges: 1, seed: { distributions: [] } })
  const account = new Account(cloudFront(local))
  await account.open()
  onEnd(() => account.close())
  return account
}

async function playAll(account: Account, environment: Record<string, string>): Promise<void> {
  const more = {
    ...IMAGES,
    ...CI,
    MODEL_URI: 'https://models.example.com/housing-1.onnx',
    CONFIRM: 'modelrelease',
    ...environment,
  }
  const up = [
    '1-registry',
    '2-cluster',
    '3-origins',
    '4-distribution',
    '5-operator',
    '6-first-release',
    '7-ci',
  ]
  for (const script of [...up, 'delete-everything']) {
    const { code, err } = await account.run(`eksctl/${script}.sh`, more)
    expect([script, code, err]).toEqual([script, 0, ''])
  }
}

const { DELIVERY_AWS: AWS, DELIVERY_MOTO: MOTO } = process.env
const withAws = AWS !== undefined && MOTO !== undefined ? describe : describe.skip

withAws('aws', () => {
  const PORT = '5057'
  let moto: ChildProcess
  beforeAll(async () => {
    moto = spawn(MOTO ?? '', ['-H', '127.0.0.1', '-p', PORT], { stdio: 'ignore' })
    while (
      !(await fetch(`http://127.0.0.1:${PORT}/moto-api/`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await setTimeout(100)
  })
  afterAll(() => {
    moto.kill()
  })

  test('knows every command, option and query', async () => {
    Account.awsCalls.splice(0)
    for (const FLAVOR of ['auto-mode', 'fargate']) await playAll(await opened(), { FLAVOR })
    const lines = new Map(
      Account.awsCalls.map((args) => [
        args.slice(0, 2).join(' ') + args.filter((one) => one.startsWith('-')).join(' '),
        args,
      ]),
    )
    expect(lines.size).toBeGreaterThan(15)
    for (const args of lines.values()) {
      // It would wait for what moto never does.
      if (args.includes('wait')) continue
      const { stdout, stderr } = spawnSync(AWS ?? '', args, {
        encoding: 'utf8',
        env: {
          PATH: process.env.PATH,
          HOME: '/nonexistent',
          AWS_ENDPOINT_URL: `http://127.0.0.1:${PORT}`,
          AWS_ACCESS_KEY_ID: 'any',
          AWS_SECRET_ACCESS_KEY: 'any',
          AWS_DEFAULT_REGION: 'eu-west-1',
          AWS_PAGER: '',
          KUBECONFIG: '/nonexistent/kubeconfig',
        },
      })
      // A refusal of moto is an answer; one of the program itself is our mistake.
      expect([args.join(' '), `${stdout}${stderr}`]).toEqual([
        args.join(' '),
        expect.not.stringMatching(
          /usage:|Unknown options|Invalid choice|Bad value for --query|Parameter validation failed|expected one argument/,
        ),
      ])
    }
  })
})

const KUBECTL = builtKubectl('1.36')
const withKubectl = KUBECTL === undefined ? describe.skip : describe

type Rendered = {
  kind: string
  metadata: { name: string; annotations?: Record<string, string> }
  spec?: Record<string, unknown>
}

withKubectl('kubectl kustomize', () => {
  test.each(['auto-mode', 'fargate'])(
    'renders the overlay of %s: images by digest, the list, the role',
    async (FLAVOR) => {
      const account = await opened()
      for (const script of ['1-registry', '2-cluster', '3-origins', '4-distribution', '5-operator'])
        expect(await account.run(`eksctl/${script}.sh`, { ...IMAGES, FLAVOR })).toMatchObject({
          code: 0,
          err: '',
        })
      const { stdout, stderr, status } = spawnSync(
        KUBECTL ?? '',
        ['kustomize', join(account.folder, 'state/overlay')],
        { encoding: 'utf8' },
      )
      expect([status, stderr]).toEqual([0, ''])
      const objects = loadAll(stdout) as Rendered[]
      const list = objects.find(({ kind }) => kind === 'ConfigMap')?.metadata.name
      expect(list).toMatch(/^cloudfront-allow-list-\w+$/)
      expect(objects.find(({ kind }) => kind === 'Deployment')?.spec).toMatchObject({
        replicas: 2,
        template: {
          spec: {
            serviceAccountName: 'modelrelease-operator',
            volumes: [{ name: 'allow-list', configMap: { name: list } }],
            containers: [
              {
                image: IMAGES.OPERATOR_IMAGE,
                env: expect.arrayContaining([
                  { name: 'MODEL_SERVER_IMAGE', value: IMAGES.MODEL_SERVER_IMAGE },
                  { name: 'CLOUDFRONT_ALLOW_LIST', value: '/etc/modelrelease/allow-list.yaml' },
                  { name: 'AWS_REGION', value: 'eu-west-1' },
                ]) as unknown,
              },
            ],
          },
        },
      })
      const annotations = objects.find(({ kind }) => kind === 'ServiceAccount')?.metadata.annotations ?? {}
      expect('eks.amazonaws.com/role-arn' in annotations).toBe(FLAVOR === 'fargate')
    },
  )
})
