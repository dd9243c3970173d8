import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import type { KubernetesRelease } from './kubernetes.ts'
import type { Layout } from './layout.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** What is written down before anything on the machine is changed, so that any later call can undo it. */
export interface NodeRecord {
  readonly range: string
  /** What it runs, and where its programs are: another build may be the cache's newest by now. */
  readonly kubernetes: KubernetesRelease
  readonly binariesDir: string
  readonly init?: ProcessIdentity
  /** Whether the node was ever ready; a start that was cut short is begun again from nothing. */
  readonly start: 'Unfinished' | 'Finished'
}

/** The record of a node; undefined where none was begun since the last `down`. */
export async function readRecord(layout: Layout): Promise<NodeRecord | undefined> {
  try {
    return JSON.parse(await readFile(layout.record, 'utf8')) as NodeRecord
  } catch {
    return undefined
  }
}

/** Replaces the record as a whole. */
export async function writeRecord(layout: Layout, record: NodeRecord): Promise<void> {
  await mkdir(layout.runDir, { recursive: true, mode: 0o700 })
  await writeFile(`${layout.record}.partial`, JSON.stringify(record, null, 2))
  await rename(`${layout.record}.partial`, layout.record)
}
