/** The live view: one frame of text from what is known, for a screen of any size. Pure. */
import { COLORS, LABEL, type Color } from '../../operator/api/names.ts'
import type { Attempt, ModelRelease, Status } from '../../operator/api/release.ts'
import { lines, oneLine } from '../../operator/api/text.ts'
import type { Pod } from '../../operator/adapters/kubernetes/objects.ts'
import { isAboutOurs, waitingText, type Following } from './follower.ts'
import { clockText } from './time.ts'

export type Size = { columns: number; rows: number }

/** What is shown besides the release. */
export type Scenery = {
  /** Undefined where they may not be listed. */
  pods: readonly Pod[] | undefined
  /** What was told so far, oldest first. */
  told: readonly string[]
}

const GAP = 2

/** Lines that fit the screen; the newest of what was told fill what is left of it. */
export function frameOf(
  following: Following,
  scenery: Scenery,
  { columns, rows }: Size,
  now: number,
): string[] {
  const { release } = following
  if (!release) return ['waiting for the release']
  const status = release.status ?? {}
  const head = [
    headLine(following, now),
    '',
    ...sideBySide(
      COLORS.map((color) => colorBox(release, color, scenery.pods)),
      columns,
    ),
    '',
    trafficLine(status, release),
    ...gateLines(release, status, isAboutOurs(following)),
    ...timerLines(following, status, now),
    '',
  ]
  const left = Math.max(0, rows - head.length - 1)
  const frame = [...head, ...scenery.told.slice(-left || scenery.told.length)].slice(0, Math.max(1, rows - 1))
  return frame.map((line) => cut(line, columns))
}

function headLine(following: Following, now: number): string {
  const { release, startedAt } = following
  const { namespace = '', name = '' } = release?.metadata ?? {}
  const phase =
    following.end?.result ?? (isAboutOurs(following) ? (release?.status?.phase ?? 'Pending') : 'Waiting')
  return `${namespace}/${name}  ${phase}  ${clockText(now - startedAt)}  ${waitingText(following)}`
}

function colorBox({ status = {} }: ModelRelease, color: Color, pods: readonly Pod[] | undefined): string[] {
  const state = status.colors?.[color]
  const title = `${color.toUpperCase()}${roleText(status, color)}`
  if (!state) return [title, '  empty']
  const own = (pods ?? []).filter(({ metadata }) => metadata.labels?.[LABEL.color] === color)
  return [
    title,
    `  revision ${state.revision}`,
    `  ${state.ready} of ${state.replicas} pods ready`,
    ...(state.digest === undefined ? [] : [`  model ${state.digest.slice(0, 12)}`]),
    ...own.map((pod) => `  ${podText(pod)}`),
  ]
}

function roleText({ attempt, colors, liveColor, traffic }: Status, color: Color): string {
  if (traffic?.canary?.color === color) return ` (candidate, ${traffic.canary.weight} % of the clients)`
  if (liveColor === color) return ' (live)'
  if (attempt?.builds === color) return ' (candidate)'
  return colors?.[color] ? ' (warm)' : ''
}

function podText({ metadata, status = {} }: Pod): string {
  const restarts = (status.containerStatuses ?? []).reduce((sum, one) => sum + one.restartCount, 0)
  const state = metadata.deletionTimestamp ? 'ending' : podState(status)
  const short = metadata.name.split('-').at(-1) ?? metadata.name
  return `${short} ${state}${restarts > 0 ? `, ${restarts} restarts` : ''}`
}

function podState({
  conditions,
  containerStatuses = [],
  phase = 'Pending',
}: NonNullable<Pod['status']>): string {
  if (conditions?.some((one) => one.type === 'Ready' && one.status === 'True')) return 'ready'
  return containerStatuses.map(({ state }) => state?.waiting?.reason).find(Boolean) ?? phase
}

function sideBySide(boxes: readonly string[][], columns: number): string[] {
  const width = Math.floor((columns - GAP) / 2)
  // Two columns that nobody can read are worse than one below the other.
  if (width < 30) return boxes.flat()
  const height = Math.max(...boxes.map((box) => box.length))
  return Array.from({ length: height }, (_, row) =>
    boxes
      .map((box) => cut(box[row] ?? '', width).padEnd(width + GAP))
      .join('')
      .trimEnd(),
  )
}

function trafficLine({ traffic, liveColor }: Status, { spec }: ModelRelease): string {
  if (!traffic) return `traffic   ${spec.traffic.type}: not read yet`
  const { pointer = 'nothing', propagated, canary, intent } = traffic
  const parts = [
    `traffic   ${spec.traffic.type} → ${pointer}`,
    liveColor ? `users at ${liveColor}` : 'users at no color',
    ...(canary ? [`${canary.weight} % of the clients at ${canary.color}`] : []),
    ...(intent
      ? [`moving to ${intent.to}${intent.weight === undefined ? '' : ` (${intent.weight} %)`}`]
      : []),
    propagated === 'Yes' ? 'every edge follows' : 'not every edge follows yet',
  ]
  return parts.join(', ')
}

function gateLines({ spec }: ModelRelease, { gates }: Status, isOurs: boolean): string[] {
  return (spec.gates ?? []).map(({ name }) => {
    const found = isOurs ? gates?.results?.find((one) => one.name === name) : undefined
    const at = found?.target === undefined ? '' : ` at ${found.target}`
    const message = found?.message === undefined ? '' : `: ${found.message}`
    return `gate      ${name}  ${found ? `${found.result}${found.result === 'Passed' ? '' : at}${message}` : 'not asked yet'}`
  })
}

function timerLines({ endsAt }: Following, { attempt, traffic }: Status, now: number): string[] {
  const until = (text: string): string => clockText(Date.parse(text) - now)
  return [
    ...(attempt && !attempt.outcome ? attemptTimers(attempt, until) : []),
    ...(traffic?.canary ? [`timer     this step is held for ${until(traffic.canary.until)}`] : []),
    ...(endsAt === undefined ? [] : [`timer     this command waits for ${clockText(endsAt - now)}`]),
  ]
}

function attemptTimers(
  { deadline, direction, heldSince, verifyBy }: Attempt,
  until: (text: string) => string,
): string[] {
  if (heldSince) return ['timer     the deadline stands still: it is held up by something else']
  if (verifyBy) return [`timer     verified within ${until(verifyBy)}`]
  return direction === 'Forward' ? [`timer     ready to switch within ${until(deadline)}`] : []
}

const CHARACTERS = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** One line that is no wider than the screen, so that no terminal wraps it; wide characters take two columns. */
function cut(text: string, columns: number): string {
  const line = oneLineKept(text)
  let width = 0
  let kept = ''
  for (const { segment } of CHARACTERS.segment(line)) {
    width += isWide(segment) ? 2 : 1
    if (width > columns) return `${kept.slice(0, -1)}…`
    kept += segment
  }
  return kept
}

/** As `oneLine`, with the blanks that a layout is made of. */
function oneLineKept(text: string): string {
  return /[\n\t]/.test(text) ? oneLine(text) : lines(text)
}

function isWide(character: string): boolean {
  return /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE4F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u.test(
    character,
  )
}
