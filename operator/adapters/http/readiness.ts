/**
 * What pods that run and are not ready answer to their own readiness probe. A kubelet tells nobody but in Events; the container
 * itself knows why, and whether waiting helps.
 */
import { oneLine, shorten } from '../../api/text.ts'
import { COLORS, type Color } from '../../api/names.ts'
import type { ProbeAnswer, ColorState, PodState, Trouble } from '../../planner/model/observation.ts'
import { sleep, type Clock } from '../../controller/clock.ts'
import type { HttpProbe, NamespacedName, SelfReports } from '../../ports/ports.ts'

export type ReadinessOptions = {
  ask: HttpProbe
  clock: Clock
  /** Told when a pod says something else than before. */
  onChanged: (key: string) => void
}

/** Pods of one color fail alike. */
const PODS_ASKED = 2
const TIMEOUT_MS = 2_000
/** As often as a kubelet asks at most. */
const EVERY_MS = 2_000
/** Releases whose pods are asked at one time: the answers are for people, and must cost nobody else anything. */
const PLACES = 64
/** Of a body no more is read: what a model server says is short, and of anything else only the beginning is told. */
const READ_BYTES = 16 * 1024
/** Passes come every half minute while pods are not ready; without them nobody wants to know any more. */
const FORGOTTEN_AFTER_MS = 120_000
const MAX_EXCERPT = 120
/** A longer reason is none that a person wrote. */
const MAX_REASON = 400

type Said = { text: string; isFinal: boolean }
type Watched = { tenant: string; pods: readonly PodState[]; said: Map<string, Said>; seenAt: number }

/** Asks between the reconciles, so that a pod that gives no answer holds no worker. */
export class Readiness implements SelfReports {
  readonly #options: ReadinessOptions
  readonly #watched = new Map<string, Watched>()
  readonly #stopped = new AbortController()

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** The colors of the release with what their pods are known to say; from now on they are asked. */
  told({ namespace, name }: NamespacedName, colors: Record<Color, ColorState>): Record<Color, ColorState> {
    const key = `${namespace}/${name}`
    const pods = COLORS.flatMap((color) => colors[color].pods.filter(isAsked).slice(0, PODS_ASKED))
    const known = this.#watched.get(key)
    if (pods.length === 0) {
      this.forget(key)
      return colors
    }
    const seenAt = this.#options.clock.monotonicMs()
    if (known) Object.assign(known, { pods, seenAt })
    else if (this.#hasPlace(namespace))
      void this.#watch(key, { tenant: namespace, pods, said: new Map(), seenAt })
    const said = known?.said ?? new Map<string, Said>()
    const tell = ({ pods: all, ...color }: ColorState): ColorState => ({
      ...color,
      pods: all.map((pod) => withSaid(pod, said.get(pod.name))),
    })
    return { blue: tell(colors.blue), green: tell(colors.green) }
  }

  forget(key: string): void {
    this.#watched.delete(key)
  }

  stop(): void {
    this.#stopped.abort()
    this.#watched.clear()
  }

  /** Where all places are taken, the tenant with the most of them leaves one to whoever has fewer, so that none has all. */
  #hasPlace(tenant: string): boolean {
    if (this.#watched.size < PLACES) return true
    const taken = Map.groupBy(this.#watched, ([, watched]) => watched.tenant)
    const [most = []] = [...taken.values()].toSorted((one, other) => other.length - one.length)
    if (most.length <= (taken.get(tenant)?.length ?? 0) + 1) return false
    const [youngest = ''] = most.at(-1) ?? []
    this.forget(youngest)
    return true
  }

  async #watch(key: string, watched: Watched): Promise<void> {
    const { clock, onChanged } = this.#options
    const { signal } = this.#stopped
    this.#watched.set(key, watched)
    while (this.#watched.get(key) === watched && !signal.aborted) {
      const before = textOf(watched)
      await Promise.all(watched.pods.map((pod) => this.#ask(pod, watched.said)))
      if (this.#watched.get(key) !== watched) return
      if (textOf(watched) !== before) onChanged(key)
      await sleep(clock, EVERY_MS, signal)
      if (clock.monotonicMs() - watched.seenAt > FORGOTTEN_AFTER_MS) this.forget(key)
    }
  }

  async #ask({ name, probe }: PodState, said: Map<string, Said>): Promise<void> {
    if (!probe) return
    const headers = Object.fromEntries(probe.headers.map((one) => [one.name.toLowerCase(), one.value]))
    const answer = await this.#options.ask({
      url: probe.url,
      method: 'GET',
      headers,
      timeoutMs: TIMEOUT_MS,
      to: 'Candidate',
      readBytes: READ_BYTES,
      signal: this.#stopped.signal,
    })
    const found = saidBy(answer, probe)
    if (found) said.set(name, found)
    else said.delete(name)
  }
}

function isAsked({ probe, ready, former }: PodState): boolean {
  return probe !== undefined && ready === 'No' && !former
}

function textOf({ said }: Watched): string {
  return JSON.stringify([...said])
}

function withSaid(pod: PodState, said: Said | undefined): PodState {
  if (!said || !pod.trouble || !pod.probe) return pod
  const trouble: Trouble = {
    ...pod.trouble,
    message: `${pod.trouble.message}: ${said.text}`,
    ...(said.isFinal ? { final: 'Yes' } : {}),
  }
  return { ...pod, trouble }
}

/** Undefined for an answer that a kubelet takes as ready: the pod is about to be. */
function saidBy(answer: ProbeAnswer, { url, headers }: NonNullable<PodState['probe']>): Said | undefined {
  if (answer.type === 'NoAnswer')
    return { text: shorten(oneLine(answer.message), MAX_REASON), isFinal: false }
  const { status, body } = answer
  if (status >= 200 && status < 400) return undefined
  const reason = reasonOf(body)
  if (reason) return reason
  // A server may echo what it was sent.
  const shown = headers.length === 0 && body !== '' ? `: ${shorten(oneLine(body), MAX_EXCERPT)}` : ''
  return { text: `${new URL(url).pathname} answers ${status}${shown}`, isFinal: false }
}

/** Of a model server, which says why in JSON, and whether waiting may help. */
function reasonOf(body: string): Said | undefined {
  try {
    const { error, final, ready } = JSON.parse(body) as Partial<Record<string, unknown>>
    if (typeof error !== 'string' || ready !== false) return undefined
    return { text: shorten(oneLine(error), MAX_REASON), isFinal: final === true }
  } catch {
    return undefined
  }
}
