/** The commands that README and docs/ show, and for each block what runs it or why nothing here can. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** A block of commands. */
export type Block = {
  /** File and heading, and its number where a heading has several: `README.md#Install/2`. */
  at: string
  commands: string
}

/** Who makes sure that a block is right: `test` runs it or its commands; `reason`: why it cannot be run here. */
export type Proof = { test: string } | { reason: string }

/** Every block of commands of README, CONTRIBUTING and docs/, in the order of the pages. */
export function documentedBlocks(): Block[] {
  return ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: ROOT }).toSorted()].flatMap(
    (file) => blocksOf(file, readFileSync(join(ROOT, file), 'utf8')),
  )
}

/** The blocks of one page. A line with # in a block is a comment and no heading. */
export function blocksOf(file: string, text: string): Block[] {
  const seen = new Map<string, number>()
  const blocks: Block[] = []
  let heading = ''
  for (const [, title, language = '', commands = ''] of text.matchAll(
    /^#+ ([^\n]*)|^```(\w*)\n(.*?)^```$/gms,
  )) {
    heading = title ?? heading
    if (!SHELLS.has(language)) continue
    const at = `${file}#${heading}`
    const count = (seen.get(at) ?? 0) + 1
    seen.set(at, count)
    blocks.push({ at: count === 1 ? at : `${at}/${count}`, commands })
  }
  return blocks
}

const SHELLS = new Set(['sh', 'bash', 'shell', 'console'])

/** The commands of docs/first-release.md that one shell runs in order: all but how the clone came about. */
export function firstRelease(): string {
  const file = 'docs/first-release.md'
  return blocksOf(file, readFileSync(join(ROOT, file), 'utf8'))
    .filter(({ at }) => 'test' in (PROOFS[at] ?? {}))
    .map(({ commands }) => commands)
    .join('\n')
}

const FIRST_RELEASE = { test: 'cli/test/first-release.e2e.test.ts' }
const HELM = { test: 'manifests/install.test.ts' }
const AWS = { reason: 'it asks AWS, and nothing here answers for that service' }
const BENCH = { reason: 'it measures, for minutes; a test would say nothing of it' }
const SUITE = { reason: 'it is what runs the tests' }
const YOURS = { reason: 'a registry, image, file or name of yours stands in it, which is not here' }

/** By where a block stands. */
export const PROOFS: Readonly<Record<string, Proof>> = {
  'README.md#Try it': SUITE,
  'README.md#Install': FIRST_RELEASE,
  'README.md#Install/2': YOURS,
  'README.md#Use': { test: 'operator/test/e2e/crd.e2e.test.ts' },
  'README.md#Operate': YOURS,
  'CONTRIBUTING.md#Contributing': SUITE,
  'docs/benchmarks.md#Benchmarks of the model server': BENCH,
  'docs/benchmarks.md#A move of the pointer': BENCH,
  'docs/cli.md#kubectl modelrelease': FIRST_RELEASE,
  'docs/conditions.md#Commands': YOURS,
  'docs/delivery.md#CircleCI': { reason: 'the issuer of the signature is CircleCI, which runs nothing here' },
  'docs/delivery.md#GitOps': { test: 'scripts/ci/commit.test.ts' },
  'docs/first-release.md#What you need': { reason: 'the clone is where the tests run' },
  'docs/first-release.md#A cluster, and the tools for it': FIRST_RELEASE,
  'docs/first-release.md#The operator': FIRST_RELEASE,
  'docs/first-release.md#Your image': FIRST_RELEASE,
  'docs/first-release.md#The ModelRelease': FIRST_RELEASE,
  'docs/first-release.md#Look': FIRST_RELEASE,
  'docs/first-release.md#A second version': FIRST_RELEASE,
  'docs/first-release.md#The way back': FIRST_RELEASE,
  'docs/first-release.md#Two mistakes, and what they say': FIRST_RELEASE,
  'docs/first-release.md#Two mistakes, and what they say/2': FIRST_RELEASE,
  'docs/first-release.md#Take it all away': FIRST_RELEASE,
  'docs/install.md#Images': { test: 'operator/test/e2e/crd.e2e.test.ts' },
  'docs/install.md#Images/2': { test: 'operator/test/e2e/crd.e2e.test.ts' },
  'docs/install.md#Kustomize': { test: 'operator/test/e2e/manifests.e2e.test.ts' },
  'docs/install.md#Helm': HELM,
  'docs/install.md#Some namespaces only': HELM,
  'docs/install.md#Upgrade': { test: 'operator/test/e2e/releases.e2e.test.ts' },
  'docs/install.md#Upgrade/2': HELM,
  'docs/install.md#Upgrade/3': { reason: 'it takes away rights that other tests have meanwhile' },
  'docs/install.md#Upgrade/4': HELM,
  'docs/install.md#Uninstall': { test: 'operator/test/e2e/releases.e2e.test.ts' },
  'docs/install.md#Uninstall/2': HELM,
  'docs/install.md#Uninstall/3': { reason: 'it ends every release of a cluster' },
  'docs/model-server/handlers.md#Handlers': YOURS,
  'docs/model-server/models.md#Loading and unloading by request': {
    test: 'model-server/repository-api/repository-api.test.ts',
  },
  'docs/model-server/operations.md#Drift': { test: 'model-server/operations/drift-reference.test.ts' },
  'docs/model-server/protocols.md#Is a server one of V2?': { test: 'model-server/test/conformance.test.ts' },
  'docs/runbook.md#Runbook': YOURS,
  'docs/runbook.md#Status lost, ModelRelease deleted': AWS,
}
