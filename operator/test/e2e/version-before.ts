/** The operator as it was before its status last changed, from the history of this repository: what a downgrade by one version runs. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import { ROOT } from '../../../demo/program.ts'

const SCHEMA = 'crds/modelrelease.yaml'

/** The newest commit of another status than that of now; undefined where the history does not lead so far, as in a shallow clone. */
export function commitBefore(): string | undefined {
  const now = statusWords(readFileSync(join(ROOT, SCHEMA), 'utf8'))
  const changes = git('log', '--format=%H', '--', SCHEMA)?.split('\n') ?? []
  return changes.find((commit) => {
    const schema = git('show', `${commit}:${SCHEMA}`)
    return schema !== undefined && statusWords(schema) !== now
  })
}

/** Writes the files of a commit into a new folder. */
export function checkOut(commit: string, folder: string): void {
  mkdirSync(folder)
  const archive = join(folder, 'source.tar')
  for (const [program, ...args] of [
    ['git', 'archive', '--output', archive, commit],
    ['tar', '--extract', '--file', archive, '--directory', folder],
  ] as const) {
    const { status, stderr } = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8' })
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
  }
}

/** Fields and words that a status may hold, whatever is said of them. */
function statusWords(schema: string): string {
  const crd = load(schema) as {
    spec: { versions: { schema: { openAPIV3Schema: { properties: { status: unknown } } } }[] }
  }
  const status = crd.spec.versions[0]?.schema.openAPIV3Schema.properties.status
  return JSON.stringify(status, (key, value: unknown) => (key === 'description' ? undefined : value))
}

function git(...args: string[]): string | undefined {
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 24 })
  return status === 0 ? stdout.trim() : undefined
}
