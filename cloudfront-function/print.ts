/** The command line program: `npm run -s cloudfront-function -- --key NAME > function.js`. */
import { parseArgs } from 'node:util'
import { functionSource } from './source.ts'

const HELP = `The CloudFront Function (viewer-request, runtime cloudfront-js-2.0) that follows a key of a KeyValueStore.

Usage: npm run -s cloudfront-function -- --key NAME

  --key NAME   the key, as in spec.traffic.cloudFrontKeyValueStore.key: 1 to 512 letters,
               digits or _ . : -, a letter or digit first
  --help       this text

Its source is written to stdout. cloudfront-function/README.md tells how to publish it.
Exit code 2: the command line cannot be used.
`

const OPTIONS = { key: { type: 'string' }, help: { type: 'boolean' } } as const

/** What to print. Throws TypeError or RangeError for a command line that cannot be used. */
function answer(args: string[]): string {
  const { values } = parseArgs({ args, options: OPTIONS })
  if (values.help) return HELP
  if (values.key === undefined) throw new TypeError('--key is missing: give the key of the release')
  return functionSource(values.key)
}

try {
  process.stdout.write(answer(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 2
}
