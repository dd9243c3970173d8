import { EXIT, type ExitCode } from '../errors.ts'
import { say, type Io } from '../io.ts'
import { readManifests } from '../manifest.ts'
import { objectText } from '../print.ts'
import { openSession, type SessionFlags } from '../session.ts'
import { placeOf } from './apply.ts'
import { proposed } from './plan.ts'

export type DiffFlags = SessionFlags & { filename: string[] }

/** What an apply would change of the specs in the cluster; exits with 1 where it would change anything, as kubectl diff. */
export async function diff(flags: DiffFlags, io: Io): Promise<ExitCode> {
  const session = openSession(flags, io)
  let isChanged = false
  for (const { manifest } of await readManifests(flags.filename, io)) {
    const place = placeOf(manifest, session, flags)
    const before = await session.releases.find(place)
    const after = await proposed(session, place, manifest)
    const told = linesThatDiffer(textOf(before?.spec), textOf(after.spec))
    if (told.length === 0) continue
    isChanged = true
    const name = `modelrelease.modelrelease.io/${place.name}`
    for (const line of [`--- live/${name}`, `+++ merged/${name}`, ...told]) say(io, line)
  }
  return isChanged ? EXIT.failed : EXIT.done
}

function textOf(spec: unknown): string[] {
  return spec === undefined ? [] : objectText({ spec }, 'yaml').trimEnd().split('\n')
}

const CONTEXT = 3

/** A unified diff in hunks, of the longest common subsequence. */
export function linesThatDiffer(before: readonly string[], after: readonly string[]): string[] {
  const edits = editsOf(before, after)
  const isNear = edits.map((_, at) =>
    edits.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ mark }) => mark !== ' '),
  )
  let [line, other] = [1, 1]
  const told: string[] = []
  edits.forEach(({ mark, text }, at) => {
    if (isNear[at] && !isNear[at - 1]) {
      const end = isNear.indexOf(false, at)
      const hunk = edits.slice(at, end === -1 ? undefined : end)
      const count = (without: string): number => hunk.filter((one) => one.mark !== without).length
      told.push(`@@ -${line},${count('+')} +${other},${count('-')} @@`)
    }
    if (isNear[at]) told.push(`${mark}${text}`)
    if (mark !== '+') line += 1
    if (mark !== '-') other += 1
  })
  return told
}

type Edit = { mark: ' ' | '+' | '-'; text: string }

/** Edits from the longest common subsequence; `kept(i, j)` is how long it is from these two lines on. */
function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  const kept = commonFrom(before, after)
  const edits: Edit[] = []
  let [i, j] = [0, 0]
  for (;;) {
    const [old, young] = [before[i], after[j]]
    if (old === undefined && young === undefined) return edits
    if (old !== undefined && old === young) {
      edits.push({ mark: ' ', text: old })
      i += 1
      j += 1
    } else if (old !== undefined && (young === undefined || kept(i + 1, j) >= kept(i, j + 1))) {
      edits.push({ mark: '-', text: old })
      i += 1
    } else {
      edits.push({ mark: '+', text: young ?? '' })
      j += 1
    }
  }
}

function commonFrom(before: readonly string[], after: readonly string[]): (i: number, j: number) => number {
  const lengths = Array.from({ length: before.length + 1 }, () => new Array<number>(after.length + 1).fill(0))
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = after.length - 1; j >= 0; j -= 1)
      lengths[i]?.splice(
        j,
        1,
        before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1)),
      )
  return at
}
