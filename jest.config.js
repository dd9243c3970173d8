// Tests have a copy of the environment, which onnxruntime does not read; here it is the one of the process. See
// model-server/onnx/no-telemetry.ts.
process.env.ORT_DISABLE_TELEMETRY = '1'

const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' } }],
  },
  // Jest cannot load the real one (a require cycle through ESM); the black-box tests run it for real.
  moduleNameMapper: { '^@dot-i/k8s-operator$': '<rootDir>/operator/test/fakes/dot-i-stub.ts' },
  testPathIgnorePatterns: ['/node_modules/', '/.demo/'],
  modulePathIgnorePatterns: ['/cli/dist/'],
}

export default {
  // Nothing here measures speed, and a busy machine may stand still for longer than the 5 s that are usual.
  testTimeout: 120_000,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/**/*.test.ts'],
      testPathIgnorePatterns: [...shared.testPathIgnorePatterns, '\\.e2e\\.test\\.ts$'],
    },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/**/*.e2e.test.ts'] },
  ],
}
