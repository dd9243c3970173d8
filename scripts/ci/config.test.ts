/** What CircleCI would only tell once it runs, and what its schema cannot say. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { load } from 'js-yaml'
import { ROOT } from './test/programs.ts'

type Step = string | ({ run?: string | { command: string } } & Record<string, unknown>)
type Job = {
  docker?: { image: string }[]
  machine?: { image: string }
  executor?: string
  steps?: Step[]
  environment?: Record<string, string>
}
type Use = {
  name?: string
  type?: string
  requires?: (string | Record<string, string | string[]>)[]
  context?: string[]
  filters?: { branches?: { only?: string } }
  matrix?: { parameters: Record<string, string[]> }
}
type Config = {
  orbs?: Record<string, string>
  executors?: Record<string, Job>
  commands?: Record<string, { steps: Step[] }>
  jobs: Record<string, Job>
  workflows: Record<string, { jobs: (string | Record<string, Use>)[] }>
}
type Used = { job: string; name: string; use: Use }

const read = (file: string): Config => load(readFileSync(join(ROOT, '.circleci', file), 'utf8')) as Config

/** Each job of a workflow under the name that others wait for, matrices taken apart. */
function usesOf({ workflows }: Config): Used[] {
  return Object.values(workflows).flatMap(({ jobs }) =>
    jobs.flatMap((entry) => {
      const [job = '', use = {}] = typeof entry === 'string' ? [entry] : (Object.entries(entry)[0] ?? [])
      const [parameter, values] = Object.entries(use.matrix?.parameters ?? {})[0] ?? []
      if (parameter === undefined || values === undefined) return [{ job, name: use.name ?? job, use }]
      const name = use.name ?? `${job}-<< matrix.${parameter} >>`
      return values.map((value) => ({ job, name: name.replace(`<< matrix.${parameter} >>`, value), use }))
    }),
  )
}

/** What a configuration is found wrong with. */
function problemsOf(config: Config): string[] {
  const uses = usesOf(config)
  const names = new Set(uses.map(({ name }) => name))
  return [
    ...Object.values(config.orbs ?? {})
      .filter((orb) => !/@\d+\.\d+\.\d+$/.test(orb))
      .map((orb) => `orb ${orb} has no exact version`),
    ...imagesOf(config)
      .filter((image) => !/@sha256:[0-9a-f]{64}$|^ubuntu-\d{4}:\d{4}\.\d{2}\.\d+$/.test(image))
      .map((image) => `image ${image} is not pinned`),
    ...uses.flatMap(({ job, name, use }) => [
      ...(use.type === 'approval' || job in config.jobs ? [] : [`${name} is no job`]),
      ...requiredBy(use)
        .filter((one) => !names.has(one))
        .map((one) => `${name} requires ${one}, which is not in the workflow`),
      ...(use.context && use.filters?.branches?.only !== 'main'
        ? [`${name} has a context on every branch`]
        : []),
      ...(use.type === 'approval' && use.context ? [`${name} is an approval with a context`] : []),
      ...(commandsOf(config, job).some((one) => /scan\.sh|grype|trivy/.test(one)) && use.context
        ? [`${name} scans with a context`]
        : []),
    ]),
    ...Object.keys(config.jobs)
      .filter((job) => !uses.some((one) => one.job === job))
      .map((job) => `${job} is in no workflow`),
  ]
}

function requiredBy({ requires = [] }: Use): string[] {
  return requires.flatMap((one) => (typeof one === 'string' ? [one] : Object.keys(one)))
}

function imagesOf({ executors = {}, jobs }: Config): string[] {
  return [...Object.values(executors), ...Object.values(jobs)].flatMap(({ docker = [], machine }) => [
    ...docker.map(({ image }) => image),
    ...(machine ? [machine.image] : []),
  ])
}

/** What a job runs, with the commands that it uses taken apart. */
function commandsOf(config: Config, job: string): string[] {
  const texts = (steps: Step[]): string[] =>
    steps.flatMap((step) => {
      if (typeof step === 'string') return texts(config.commands?.[step]?.steps ?? [])
      const { run, ...others } = step
      if (run !== undefined) return [typeof run === 'string' ? run : run.command]
      return Object.entries(others).flatMap(([name, parameters]) => [
        ...Object.values(parameters as Record<string, unknown>).map((value) => `${name} ${String(value)}`),
        ...texts(config.commands?.[name]?.steps ?? []),
      ])
    })
  return texts(config.jobs[job]?.steps ?? [])
}

describe.each(['config.yml', 'release-a-model.yml'])('%s', (file) => {
  test('waits for jobs that there are, pins what it runs, and gives contexts to main alone', () => {
    expect(problemsOf(read(file))).toEqual([])
  })

  test('has no key of AWS, and no word to CloudFront', () => {
    const text = readFileSync(join(ROOT, '.circleci', file), 'utf8')
    expect(text).not.toMatch(/AWS_ACCESS_KEY|AWS_SECRET|aws cloudfront|update-distribution/)
  })
})

test('every script that is run is there, and may be run; none is left over', () => {
  const config = read('config.yml')
  const all = Object.keys(config.jobs)
    .flatMap((job) => commandsOf(config, job))
    .join('\n')
  const scripts = [...new Set(all.match(/scripts\/[\w/-]+\.sh/g))]
  for (const script of scripts) {
    expect([script, existsSync(join(ROOT, script))]).toEqual([script, true])
    expect([script, statSync(join(ROOT, script)).mode & 0o111]).not.toEqual([script, 0])
  }
  // Others are called by these, or by whoever reads the page.
  const names = readdirSync(join(ROOT, 'scripts/ci')).filter((name) => name.endsWith('.sh'))
  const textOf = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
  const unused = names.filter((name) => {
    const others = names.filter((one) => one !== name).map((one) => textOf(`scripts/ci/${one}`))
    return ![all, textOf('docs/delivery.md'), ...others].some((text) => text.includes(name))
  })
  expect(unused).toEqual([])
})

test('nothing is pushed before it was built, tested and scanned, and nothing released before somebody approved', () => {
  const config = read('config.yml')
  const uses = usesOf(config)
  const before = (name: string): string[] => {
    const own = uses.filter((one) => one.name === name).flatMap(({ use }) => requiredBy(use))
    return [...new Set([...own, ...own.flatMap(before)])].toSorted()
  }
  expect(before('push')).toEqual([
    'e2e',
    'hadolint',
    'image-operator',
    'image-server',
    'lint',
    'scan-operator',
    'scan-server',
    'unit',
  ])
  expect(before('release')).toEqual(expect.arrayContaining(['approve', 'push']))
  const approvals = uses.filter(({ use }) => use.type === 'approval').map(({ name }) => name)
  expect(approvals).toEqual(['approve'])
})

test('the release of a model team is short', () => {
  const lines = readFileSync(join(ROOT, '.circleci/release-a-model.yml'), 'utf8').trimEnd().split('\n')
  expect(lines.length).toBeLessThan(30)
})

// Each of these would go unnoticed until it runs.
describe('what is wrong is found', () => {
  const base = (): Config => structuredClone(read('config.yml'))
  const useOf = (config: Config, job: string): Use => {
    const entry = config.workflows.ship?.jobs.find((one) => typeof one === 'object' && job in one)
    return (entry as Record<string, Use>)[job] ?? {}
  }
  test.each<[string, (config: Config) => void]>([
    [
      'push requires scans, which is not in the workflow',
      (config) => (useOf(config, 'push').requires = ['scans']),
    ],
    ['push has a context on every branch', (config) => delete useOf(config, 'push').filters],
    [
      'scan-operator scans with a context',
      (config) => {
        useOf(config, 'scan').context = ['any']
        useOf(config, 'scan').filters = { branches: { only: 'main' } }
      },
    ],
    ['approve is an approval with a context', (config) => (useOf(config, 'approve').context = ['any'])],
    [
      'orb circleci/aws-cli@5 has no exact version',
      (config) => (config.orbs = { aws: 'circleci/aws-cli@5' }),
    ],
    ['image node:24 is not pinned', (config) => (config.jobs.unit = { docker: [{ image: 'node:24' }] })],
    [
      'image ubuntu-2404:current is not pinned',
      (config) => (config.executors = { machine: { machine: { image: 'ubuntu-2404:current' } } }),
    ],
    ['unit is in no workflow', (config) => config.workflows.ship?.jobs.splice(2, 1)],
  ])('%s', (problem, plant) => {
    const config = base()
    plant(config)
    expect(problemsOf(config)).toContain(problem)
  })
})
