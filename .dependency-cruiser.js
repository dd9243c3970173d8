/**
 * Which folder may import which. `npm run verify` checks it, and scripts/layers.test.ts plants one violation of each rule.
 * Foreign packages have their fences in eslint.config.js.
 */

/** A rule: files in `from` import nothing of this checkout but what lies in one of the `only` folders. */
const layer = (name, comment, from, only) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: TESTS },
  to: { dependencyTypes: ['local'], pathNot: only },
})

const TESTS = String.raw`\.test\.ts$|\.testdata\.ts$|(^|/)(test|testing)/`

export default {
  forbidden: [
    {
      name: 'no-circle',
      comment: 'a circle of imports, of types too, is one file in several pieces',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-from-tests',
      comment: 'what ships does not need what tests it',
      severity: 'error',
      from: { path: '^(operator|model-server|cli|cloudfront-function)/', pathNot: TESTS },
      to: { path: TESTS },
    },
    layer('api', 'the words of the API know nobody', '^operator/api/', '^operator/api/'),
    layer('planner', 'the planner is pure', '^operator/planner/', '^operator/(api|planner)/'),
    {
      name: 'planner-node',
      comment: 'the planner is pure; only the hash of a revision is computed by Node',
      severity: 'error',
      from: { path: '^operator/planner/', pathNot: `${TESTS}|^operator/planner/model/revision\\.ts$` },
      to: { dependencyTypes: ['core'] },
    },
    layer('ports', 'a port speaks our words only', '^operator/ports/', '^operator/(api|planner|ports)/'),
    layer(
      'adapters',
      'an adapter knows what it adapts, never who uses it',
      '^operator/adapters/',
      '^operator/(api|planner|ports|controller|adapters)/',
    ),
    layer(
      'controller',
      'a controller of anything knows nothing of releases',
      '^operator/controller/',
      '^operator/controller/',
    ),
    layer('model-server', 'the model server stands alone', '^model-server/', '^model-server/'),
    layer(
      'cloudfront-local',
      'the emulator stands alone',
      '^cloudfront-local/',
      '^cloudfront-(local|function)/',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: String.raw`(^|/)(node_modules|golden|dist)/` },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    moduleSystems: ['es6'],
  },
}
