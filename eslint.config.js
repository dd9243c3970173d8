import { matchesGlob } from 'node:path'
import tseslint from 'typescript-eslint'

/** Foreign packages and the only places that may import them; everything else is fenced off. */
const FENCES = [
  { name: '@dot-i/k8s-operator', only: ['operator/controller/shell.ts'] },
  {
    name: '@kubernetes/client-node',
    only: [
      'operator/adapters/kubernetes/*.ts',
      'operator/controller/*.ts',
      'operator/test/**',
      'cluster/**',
      'demo/**',
      'cli/cluster/kubeconfig.ts',
    ],
  },
  {
    name: '@aws-sdk/client-cloudfront',
    only: [
      'operator/adapters/aws/cloudfront/**',
      'operator/test/**',
      'cloudfront-local/**/*.test.ts',
      'cloudfront-local/test/**',
      'cloudfront-local/model/generate.ts',
      'demo/**',
      'bench/pointer.ts',
      'eksctl/test/**',
    ],
  },
  ...['@aws-sdk/client-cloudfront-keyvaluestore', '@aws-sdk/signature-v4a'].map((name) => ({
    name,
    only: [
      'operator/adapters/aws/key-value-store/**',
      'operator/test/**',
      'cloudfront-local/**/*.test.ts',
      'cloudfront-local/test/**',
      'demo/**',
    ],
  })),
  { name: 'commander', only: ['cli/program.ts', 'cli/arguments.ts', 'cli/completion/*.ts'] },
  {
    name: '@marcbachmann/cel-js',
    only: ['cli/checks/schema.ts', 'operator/api/cel.test.ts', 'gitops/health.test.ts'],
  },
  { name: 'esbuild', only: ['cli/build.ts'] },
  { name: 'acorn', only: ['cloudfront-local/functions/language.ts'] },
  { name: 'dns-packet', only: ['cluster/dns/**'] },
  {
    name: '@aws-sdk/client-sts',
    only: ['operator/adapters/aws/*.ts', 'operator/adapters/aws/cloudfront/registry.ts'],
  },
  // Before the next one: of two blocks that match a file the later wins, so a folder comes before its files.
  { name: 'express', only: ['model-server/**'] },
  ...['@grpc/grpc-js', '@grpc/proto-loader'].map((name) => ({
    name,
    only: ['model-server/protocols/grpc/**'],
  })),
  { name: '@aws-sdk/client-s3', only: ['model-server/sources/s3.ts'] },
  { name: 'onnxruntime-node', only: ['model-server/onnx/session.ts', 'cli/init/onnx.ts'] },
]

/** One block per fence would let a later block overwrite an earlier one, so each folder gets the sum of what it may not import. */
function fencesFor(file) {
  return FENCES.filter((fence) => !fence.only.some((place) => matchesGlob(file, place))).map((fence) => ({
    name: fence.name,
    message: `only ${fence.only.join(', ')} may import ${fence.name}`,
  }))
}

const everyone = { 'no-restricted-imports': ['error', { paths: fencesFor('') }] }
// A file named by itself comes after the folders that it lies in, since the last block wins.
const places = [...new Set(FENCES.flatMap((fence) => fence.only))]
const opened = places
  .toSorted((a, b) => Number(b.includes('*')) - Number(a.includes('*')))
  .map((file) => ({
    files: [file],
    rules: { 'no-restricted-imports': ['error', { paths: fencesFor(file) }] },
  }))

const noEnvironment = {
  'no-restricted-properties': [
    'error',
    { object: 'process', property: 'env', message: 'the environment is read in config.ts only' },
  ],
}

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/',
      'operator/api/modelrelease.ts',
      'cloudfront-local/model/cloudfront.ts',
      '.demo/',
      '**/golden/',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      complexity: ['error', 12],
      'max-depth': ['error', 3],
      'max-params': ['error', 4],
      'max-statements': ['error', 24],
      eqeqeq: 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      ...everyone,
      ...noEnvironment,
    },
  },
  ...opened,
  {
    // The planner decides; it has no clock, no randomness, no environment and no promises.
    files: ['operator/planner/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'setTimeout', 'setInterval', 'fetch', 'Promise'],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'time is an argument' },
        { object: 'Math', property: 'random', message: 'randomness is an argument' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true]', message: 'the planner is pure' },
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'time is an argument',
        },
      ],
    },
  },
  {
    files: ['**/config.ts', '**/*.test.ts', 'operator/test/**', 'scripts/**', 'demo/**', 'cluster/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: ['**/*.test.ts', '**/test/**'],
    rules: {
      'max-statements': 'off',
      'max-params': 'off',
      // Functions in typed tables have their types from the table.
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
)
