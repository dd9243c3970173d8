/** What the pods of a candidate said last is kept before its attempt fails, so that the first word of the failure has it. */
import type { Color } from '../../api/names.ts'
import { shorten } from '../../api/text.ts'
import { referringIn } from '../checks/credentials.ts'
import { holderOf, type Finding, type Scene } from '../context.ts'
import type { Step } from '../model/observation.ts'

/** Before a finding that fails the attempt, the logs of its pods; any other finding as it is. */
export function lastWordsFirst(scene: Scene, finding: Finding | undefined): Finding | undefined {
  const step = finding?.memory?.attempt?.outcome === 'Failed' ? collecting(scene) : undefined
  return finding && step ? { rule: finding.rule, step, recheckMs: 0 } : finding
}

/** Undefined where nothing is left to be collected. A failure waits for no log that cannot be had. */
function collecting(scene: Scene): Step | undefined {
  const { live, memory, world } = scene
  const { attempt } = memory
  if (!attempt || attempt.outcome || attempt.logs !== undefined) return undefined
  const { revision } = attempt
  const color = holderOf(scene, revision)
  if (!color || color === live || !world.colors[color].pods.some((pod) => pod.revision === revision))
    return undefined
  const isFailing = world.failing?.some(({ step }) => step === 'CollectLogs')
  return isFailing ? undefined : collectLogs(scene, color, revision)
}

/** With what the pods were asked with, which may stand in what they wrote. */
export function collectLogs({ world }: Scene, color: Color, revision: string): Step {
  const gates = world.revisions.filter((one) => one.revision === revision).flatMap((one) => one.gates)
  const credentials = referringIn(gates, world.release.spec).flatMap(({ headers }) =>
    headers.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
  )
  return { type: 'CollectLogs', color, revision, ...(credentials.length > 0 ? { credentials } : {}) }
}

/** How a line begins that stands for a log that is not there. */
export const NO_LOG = '(no log'

const LONGEST_LAST_WORDS = 400

/** The last line of a log that says something, at most 400 characters; undefined where no container said anything. */
export function lastWordsOf(logs: string): string | undefined {
  const line = logs.split('\n').findLast(tellsSomething)
  return line === undefined ? undefined : shorten(reasonIn(line), LONGEST_LAST_WORDS)
}

/** Neither the heading of a log, nor that there is none. */
function tellsSomething(line: string): boolean {
  return (
    line.trim() !== '' &&
    !line.startsWith(NO_LOG) &&
    !/^[-a-z0-9.]+\/[-a-z0-9]+( ended with .*)?:$/.test(line)
  )
}

/** Of a line of the model server's log, which is JSON, the reason that it gives; any other line as it is. */
function reasonIn(line: string): string {
  try {
    const { reason } = JSON.parse(line) as { reason?: unknown }
    return typeof reason === 'string' ? reason : line
  } catch {
    return line
  }
}
