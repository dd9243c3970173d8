/** Each rule about who may import whom, and about the purity of the planner, refuses a violation that is planted here. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { cruise, type ICruiseOptions, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser'
import { Linter } from 'eslint'
import tseslint from 'typescript-eslint'

/** What each file imports: one violation for each rule. */
const PLANTED: Record<string, [file: string, imported: string]> = {
  'no-circle': ['operator/api/one.ts', '../api/two.ts'],
  'not-from-tests': ['operator/reconcile.ts', './test/fake.ts'],
  api: ['operator/api/names.ts', '../planner/plan.ts'],
  planner: ['operator/planner/plan.ts', '../ports/ports.ts'],
  'planner-node': ['operator/planner/model/timing.ts', 'node:fs'],
  ports: ['operator/ports/ports.ts', '../adapters/http.ts'],
  adapters: ['operator/adapters/http.ts', '../reconcile.ts'],
  controller: ['operator/controller/queue.ts', '../api/release.ts'],
  'model-server': ['model-server/main.ts', '../operator/api/release.ts'],
  'cloudfront-local': ['cloudfront-local/main.ts', '../operator/api/release.ts'],
}
const OTHERS = {
  'operator/api/two.ts': "import type { a } from './one.ts'\nexport type b = a\n",
  'operator/api/release.ts': 'export type a = 1\n',
  'operator/test/fake.ts': 'export type a = 1\n',
}

/** Neither of the two has types. */
const configOf = async <T>(file: string): Promise<T> =>
  ((await import(join(import.meta.dirname, '..', file))) as { default: T }).default

const layers = await configOf<{ forbidden: { name: string }[]; options: ICruiseOptions }>(
  '.dependency-cruiser.js',
)
const lint = await configOf<Linter.Config[]>('eslint.config.js')

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelrelease-layers-'))
  const files = Object.values(PLANTED).map(([file, imported]) => [
    file,
    `import type * as planted from '${imported}'\nexport type a = typeof planted\n`,
  ])
  for (const [file = '', text = ''] of [...files, ...Object.entries(OTHERS)]) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
})

afterAll(() => rm(folder, { recursive: true }))

test('every rule about imports finds what breaks it, and nothing else', async () => {
  const { output } = await cruise(['operator', 'model-server', 'cloudfront-local'], {
    ...layers.options,
    baseDir: folder,
    validate: true,
    ruleSet: { forbidden: layers.forbidden } as IFlattenedRuleSet,
  })
  const found = (output as ICruiseResult).summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`)
  expect(new Set(found)).toEqual(new Set(Object.entries(PLANTED).map(([rule, [file]]) => `${rule}: ${file}`)))
  expect(layers.forbidden.map(({ name }) => name).toSorted()).toEqual(Object.keys(PLANTED).toSorted())
})

test.each([
  ['Date.now()', 'time is an argument'],
  ['new Date()', 'time is an argument'],
  ['Math.random()', 'randomness is an argument'],
  ['process.env.X', 'process'],
  ['setTimeout(() => 1, 1)', 'setTimeout'],
  ['async () => 1', 'the planner is pure'],
  ['Promise.resolve(1)', 'Promise'],
])('the planner has no %s', (code, said) => {
  const pure = lint.find(({ files }) => files?.includes('operator/planner/**/*.ts'))
  const found = new Linter().verify(
    `export const planted = ${code}`,
    [
      { files: ['**/*.ts'], languageOptions: { parser: tseslint.parser } },
      { files: ['**/*.ts'], rules: pure?.rules ?? {} },
    ] as Linter.Config[],
    { filename: 'planted.ts' },
  )
  expect(found.map(({ message }) => message).join('\n')).toContain(said)
})
