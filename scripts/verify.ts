/** `npm run verify`: every static check, each named, all run even when one fails. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { licenseProblems, type Lockfile } from './licenses.ts'

type Check = { name: string; run: () => string | undefined }

/** Run an npm script; its output is the finding when it fails. */
function script(name: string, ...args: string[]): () => string | undefined {
  return () => {
    const result = spawnSync('npm', ['run', '-s', name, '--', ...args], { encoding: 'utf8' })
    return result.status === 0 ? undefined : `${result.stdout}${result.stderr}`.trim()
  }
}

/** Two copies of the client would not know each other's classes; `request` would mean the pre-1.0 client came back. */
function oneClientNode(): string | undefined {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, unknown> }
  const paths = Object.keys(lock.packages)
  const clients = paths.filter((path) => path.endsWith('node_modules/@kubernetes/client-node'))
  const requests = paths.filter((path) => path.endsWith('node_modules/request'))
  if (clients.length === 1 && requests.length === 0) return undefined
  return `package-lock.json has ${clients.length} copies of @kubernetes/client-node (want 1) and ${requests.length} of request (want 0): check "overrides" in package.json`
}

/** What the images of the operator and of the model server install comes from this lockfile. */
function licenses(): string | undefined {
  const problems = licenseProblems(JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile)
  return problems.length === 0 ? undefined : problems.join('\n')
}

const CHECKS: Check[] = [
  { name: 'types', run: script('types') },
  { name: 'lint', run: script('lint', '.') },
  { name: 'layers', run: script('layers') },
  { name: 'format', run: script('format:check') },
  { name: 'generated files', run: script('generate', '--check') },
  { name: 'one client-node', run: oneClientNode },
  { name: 'licenses', run: licenses },
]

let failed = 0
for (const check of CHECKS) {
  const started = performance.now()
  const finding = check.run()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${finding === undefined ? 'ok    ' : 'FAILED'} ${check.name} (${seconds} s)`)
  if (finding !== undefined) {
    failed += 1
    console.log(finding)
  }
}
process.exitCode = failed === 0 ? 0 : 1
