/**
 * `npm run check:delivery`: what other people's tools say of eksctl/, .circleci/, gitops/, Dockerfiles and the krew manifest. They
 * come from Debian, Python's index and the Go module proxy when they are first needed; where one cannot be had, the check says so
 * and is left out. It is no part of `npm run verify`, which needs nothing but npm. Exit code 1: a check failed; what was left out fails nothing.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { Ajv, type AnySchema } from 'ajv'
import { load } from 'js-yaml'
import { goClient } from '../cluster/go-modules.ts'
import { readConfig } from '../cluster/config.ts'
import { policyStacks } from './delivery/policies.ts'
import { without } from '../operator/planner/state/persisted-state.ts'
import { statementsOf } from '../eksctl/test/policies.ts'

const EKSCTL = 'github.com/weaveworks/eksctl@v0.230.0'
const PACKAGES = ['shellcheck', 'lua5.1', 'skopeo', 'docker-registry']

class Unavailable extends Error {}

type Check = { name: string; run: () => string | undefined | Promise<string | undefined> }

const cache = readConfig().cacheDir
const work = mkdtempSync(join(tmpdir(), 'delivery-'))

type Ran = { status: number | null; text: string; stdout: string }

function ran(command: string, args: readonly string[], environment: Record<string, string> = {}): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  if (error) return { status, text: error.message, stdout: '' }
  return { status, text: `${stdout}${stderr}`.trim(), stdout }
}

/** The finding is what a program prints when it fails. */
function finding({ status, text }: Ran): string | undefined {
  return status === 0 ? undefined : text
}

let python: string | undefined

/** The bin folder of a virtual environment with what requirements.txt names. @throws Unavailable */
function pythonTools(): string {
  if (python !== undefined) return python
  const requirements = 'scripts/delivery/requirements.txt'
  const id = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12)
  const folder = join(cache, `delivery-${id}`)
  if (!existsSync(join(folder, 'complete'))) {
    const made = [
      () => ran('python3', ['-m', 'venv', folder]),
      () =>
        ran(join(folder, 'bin/pip'), [
          'install',
          '--quiet',
          '--disable-pip-version-check',
          '--requirement',
          requirements,
        ]),
    ]
    for (const make of made) {
      const { status, text } = make()
      if (status !== 0) throw new Unavailable(`Python's index: ${lastLine(text)}`)
    }
    writeFileSync(join(folder, 'complete'), '')
  }
  return (python = join(folder, 'bin'))
}

/** @throws Unavailable where the program is not here, nor to be had from Debian. */
function debian(program: string): string {
  if (ran('sh', ['-c', `command -v ${program}`]).status === 0) return program
  const { status, text } = ran('examples/need-debian.sh', PACKAGES)
  if (status !== 0) throw new Unavailable(`Debian's packages: ${lastLine(text)}`)
  return program
}

function lastLine(text: string): string {
  return text.split('\n').at(-1) ?? ''
}

/** eksctl's own schema, out of its module; nothing of it is kept. @throws Unavailable */
async function eksctlSchema(): Promise<AnySchema> {
  const go = await goClient(cache).catch((error: unknown) => {
    throw new Unavailable(`Debian's Go: ${(error as Error).message}`)
  })
  // Debian's standard library is not there, and not needed to fetch modules.
  const { status, text, stdout } = ran(go, ['mod', 'download', '-json', EKSCTL], {
    GOROOT: dirname(go),
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-mod=mod',
    GO111MODULE: 'on',
    GOMODCACHE: join(cache, 'go-modules'),
  })
  if (status !== 0) throw new Unavailable(`the Go module proxy: ${lastLine(text)}`)
  const { Dir } = JSON.parse(stdout) as { Dir: string }
  return schemaIn(join(Dir, 'pkg/apis/eksctl.io/v1alpha5/assets/schema.json'))
}

function schemaIn(file: string): AnySchema {
  // Which draft it is of, and ajv knows no other than its own by that name.
  return without(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>, '$schema')
}

function against(schema: AnySchema, file: string): string | undefined {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false })
  const validate = ajv.compile(schema)
  if (validate(load(readFileSync(file, 'utf8')))) return undefined
  return (validate.errors ?? [])
    .map((one) => `${file}${one.instancePath}: ${one.message ?? ''} ${JSON.stringify(one.params)}`)
    .join('\n')
}

async function clusterConfigs(): Promise<string | undefined> {
  const schema = await eksctlSchema()
  const problems = ['auto-mode', 'fargate'].map((flavor) => against(schema, `eksctl/cluster-${flavor}.yaml`))
  return problems.filter((one) => one !== undefined).join('\n') || undefined
}

function pipelines(): string | undefined {
  const file = process.env.CIRCLECI_SCHEMA
  if (file === undefined)
    throw new Unavailable(
      'CIRCLECI_SCHEMA names no file: give schema.json of the repository CircleCI-Public/circleci-yaml-language-server',
    )
  const schema = schemaIn(file)
  const problems = ['config', 'release-a-model'].map((name) => against(schema, `.circleci/${name}.yml`))
  return problems.filter((one) => one !== undefined).join('\n') || undefined
}

function iam(): string | undefined {
  const tool = join(pythonTools(), 'parliament')
  mkdirSync(join(work, 'policies'))
  for (const [name, stack] of Object.entries(policyStacks())) {
    const document = { Version: '2012-10-17', Statement: statementsOf(stack) }
    writeFileSync(join(work, 'policies', `${name}.json`), JSON.stringify(document))
  }
  const { status, text } = ran(tool, ['--directory', join(work, 'policies')])
  return status === 0 && text === '' ? undefined : text
}

/** Every Dockerfile here; CI lints those of the two images that it pushes, by hadolint's own image. */
function dockerfiles(): string | undefined {
  const hadolint = join(pythonTools(), 'hadolint')
  const files = ['Dockerfile.operator', 'Dockerfile.server', ...globSync('examples/*/Dockerfile')]
  return finding(ran(hadolint, ['--config', '.hadolint.yaml', ...files]))
}

function scripts(): string | undefined {
  const shellcheck = debian('shellcheck')
  const files = ['eksctl', 'scripts/ci'].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.sh'))
      .map((name) => join(folder, name)),
  )
  return finding(ran(shellcheck, ['--external-sources', '--source-path', 'SCRIPTDIR', ...files]))
}

/** What krew's index asks of a manifest; its trial installation needs the archive of a release, and is left out. */
function krew(): string | undefined {
  const { status, text, stdout } = ran('scripts/ci/tool.sh', ['validate-krew-manifest'])
  if (status !== 0) throw new Unavailable(lastLine(text))
  return finding(ran(stdout.trim(), ['-manifest', 'cli/krew/modelrelease.yaml', '-skip-install']))
}

/** The tests of these folders once more, with the programs that they leave out where there are none. */
function tests(): string | undefined {
  const missing: string[] = []
  const have = <T>(tool: () => T): T | undefined => {
    try {
      return tool()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      missing.push(error.message)
      return undefined
    }
  }
  const bin = have(pythonTools)
  for (const program of ['lua5.1', 'skopeo', 'docker-registry']) have(() => debian(program))
  for (const one of new Set(missing)) console.log(`        without ${one}`)
  const environment: Record<string, string> =
    bin === undefined ? {} : { DELIVERY_AWS: join(bin, 'aws'), DELIVERY_MOTO: join(bin, 'moto_server') }
  return finding(
    ran(
      'npm',
      [
        'run',
        '-s',
        'jest',
        '--',
        '--selectProjects',
        'unit',
        '--testPathPatterns',
        '^.*/(eksctl|scripts/ci|gitops)/',
      ],
      {
        ...environment,
        PATH: [process.env.PATH ?? '', '/usr/sbin'].join(delimiter),
      },
    ),
  )
}

const CHECKS: Check[] = [
  { name: 'scripts, by shellcheck', run: scripts },
  {
    name: 'templates, by cfn-lint',
    run: () => finding(ran(join(pythonTools(), 'cfn-lint'), ['eksctl/cloudformation/*.yaml'])),
  },
  { name: 'policies, by parliament', run: iam },
  { name: 'clusters, by the schema of eksctl', run: clusterConfigs },
  { name: 'pipelines, by the schema of CircleCI', run: pipelines },
  { name: 'Dockerfiles, by hadolint', run: dockerfiles },
  { name: 'the plugin, by krew', run: krew },
  { name: 'tests, with the real aws, registry and Lua', run: tests },
]

let failed = 0
for (const { name, run } of CHECKS) {
  try {
    const found = await run()
    console.log(`${found === undefined ? 'ok     ' : 'FAILED '} ${name}`)
    if (found === undefined) continue
    failed += 1
    console.log(found)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.log(`skipped ${name}: ${error.message}`)
  }
}
process.exitCode = failed === 0 ? 0 : 1
