/**
 * Writes this folder's TypeScript as JavaScript: `node model-server/strip-types.ts OUT`. Only the image needs it. Run from
 * TypeScript the server is ready 100 ms later and holds 21 MiB more (docs/adr), because Node then loads its own stripper.
 * Node's stripper puts blanks where types were, so lines and columns in stack traces stay those of the sources.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'

const [out] = process.argv.slice(2)
if (out === undefined) {
  process.stderr.write('usage: node model-server/strip-types.ts OUT\n')
  process.exit(2)
}

mkdirSync(out, { recursive: true })
for (const file of readdirSync(import.meta.dirname)) {
  if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue
  const source = readFileSync(join(import.meta.dirname, file), 'utf8')
  const script = stripTypeScriptTypes(source).replaceAll(/((?: from|^import) '\.\/[^']+)\.ts'/gm, "$1.js'")
  writeFileSync(join(out, file.replace(/\.ts$/, '.js')), script)
}
