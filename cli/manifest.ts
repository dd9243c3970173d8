/** ModelReleases in files, as `-f` names them. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import { API_VERSION, GROUP, KIND } from '../operator/api/names.ts'
import { CliError } from './errors.ts'
import type { Io } from './io.ts'

/** A ModelRelease as somebody wrote it: nothing of it is checked but that it is one. */
export type Manifest = {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; [member: string]: unknown }
  spec?: unknown
  [member: string]: unknown
}

export type Source = { file: string; manifest: Manifest }

/** All ModelReleases of files, folders and `-`. @throws CliError for what cannot be read, or is none. */
export async function readManifests(files: readonly string[], io: Pick<Io, 'readStdin'>): Promise<Source[]> {
  const sources: Source[] = []
  for (const file of files.flatMap(filesIn)) {
    const text = file === '-' ? await io.readStdin() : textOf(file)
    for (const document of documentsOf(file, text))
      sources.push({ file, manifest: manifestOf(file, document) })
  }
  if (sources.length === 0) throw new CliError(`${files.join(', ')} names no ModelRelease`)
  return sources
}

function filesIn(path: string): string[] {
  if (path === '-') return [path]
  if (/^https?:\/\//.test(path))
    throw new CliError(`${path} is a URL: fetch it first, and name the file (or - for what a pipe brings)`)
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path]
  return readdirSync(path)
    .filter((name) => /\.(?:ya?ml|json)$/.test(name))
    .toSorted()
    .map((name) => join(path, name))
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${(cause as Error).message}`, undefined, { cause })
  }
}

function documentsOf(file: string, text: string): unknown[] {
  try {
    return loadAll(text)
      .filter((one) => one !== null && one !== undefined)
      .flatMap(itemsOf)
  } catch (cause) {
    throw new CliError(`${file} is no YAML: ${(cause as Error).message}`, undefined, { cause })
  }
}

function itemsOf(document: unknown): unknown[] {
  const { kind, items } = document as { kind?: unknown; items?: unknown }
  return (kind === 'List' || kind === `${KIND}List`) && Array.isArray(items) ? items : [document]
}

function manifestOf(file: string, document: unknown): Manifest {
  const { apiVersion, kind, metadata } = document as Partial<Manifest>
  if (kind !== KIND || apiVersion?.split('/')[0] !== GROUP)
    throw new CliError(
      `${file} has ${kind ?? 'something without a kind'} (${apiVersion ?? 'no apiVersion'}), which is no ModelRelease: leave it to kubectl apply, and name files with ModelReleases only`,
    )
  if (apiVersion !== API_VERSION)
    throw new CliError(`${file}: apiVersion "${apiVersion}" is not known: write ${API_VERSION}`)
  if (typeof metadata?.name !== 'string')
    throw new CliError(`${file}: metadata.name is missing: name the release`)
  return document as Manifest
}
