import { createInterface } from 'node:readline'
import { COLORS, LABEL } from '../../operator/api/names.ts'
import { lines } from '../../operator/api/text.ts'
import { present } from '../../operator/planner/state/persisted-state.ts'
import type { Pod } from '../../operator/adapters/kubernetes/objects.ts'
import { nameOf, openText, type Place } from '../cluster/releases.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { durationMs } from '../follow/time.ts'
import { warn, type Io } from '../io.ts'
import { openSession, type Session, type SessionFlags } from '../session.ts'

export type LogsFlags = SessionFlags & {
  follow?: boolean
  tail?: string
  since?: string
  previous?: boolean
  timestamps?: boolean
  container?: string
  color?: string
  prefix?: boolean
}

/** How often it is looked for pods that are new. */
const PODS_POLL_MS = 2_000

/** Logs of the pods of both colors, each line with its color and pod before it. */
export async function logs(argument: string, flags: LogsFlags, io: Io): Promise<ExitCode> {
  const color = COLORS.find((one) => one === flags.color)
  if (flags.color !== undefined && !color)
    throw new CliError(`there is no color "${flags.color}": blue or green`)
  const query = queryOf(flags)
  const session = openSession(flags, io)
  const place = { namespace: session.namespace, name: nameOf(argument) }
  await session.releases.get(place)
  const select = (pod: Pod): boolean => color === undefined || pod.metadata.labels?.[LABEL.color] === color
  const follower = new LogFollower({ session, place, query, flags, io })
  await follower.start((await session.releases.pods(place)).filter(select))
  if (!flags.follow && follower.isEmpty) warn(io, `${place.name} has no pods${color ? ` in ${color}` : ''}.`)
  if (!flags.follow) return EXIT.done
  while (!isEnded(io)) {
    await io.sleep(PODS_POLL_MS, io.signal)
    // What cannot be listed at this moment can be in the next.
    const pods = await session.releases.pods(place).catch(() => [])
    void follower.start(pods.filter(select))
  }
  return EXIT.done
}

function queryOf(flags: LogsFlags): URLSearchParams {
  const sinceSeconds = flags.since === undefined ? undefined : Math.ceil(durationMs(flags.since) / 1000)
  const query = {
    follow: flags.follow ? 'true' : undefined,
    tailLines: tailOf(flags.tail),
    sinceSeconds: sinceSeconds?.toString(),
    previous: flags.previous ? 'true' : undefined,
    timestamps: flags.timestamps ? 'true' : undefined,
  }
  return new URLSearchParams(present(query) as Record<string, string>)
}

function tailOf(tail: string | undefined): string | undefined {
  if (tail !== undefined && !/^(?:-1|\d+)$/.test(tail))
    throw new CliError(`--tail "${tail}" is no number of lines`)
  return tail === '-1' ? undefined : tail
}

function isEnded({ signal }: Io): boolean {
  return signal.aborted
}

type Options = { session: Session; place: Place; query: URLSearchParams; flags: LogsFlags; io: Io }

/** Reads each container once. */
class LogFollower {
  readonly #options: Options
  readonly #known = new Set<string>()

  constructor(options: Options) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#known.size === 0
  }

  /** Reads what was not read before; returns when all that has ended, at once when it is followed. */
  async start(pods: readonly Pod[]): Promise<void> {
    const { flags } = this.#options
    const reading = pods.flatMap((pod) =>
      pod.spec.containers
        .filter(({ name }) => flags.container === undefined || name === flags.container)
        .map(({ name }) => this.#read(pod, name)),
    )
    if (!flags.follow) await Promise.all(reading)
  }

  async #read(pod: Pod, container: string): Promise<void> {
    const { session, place, query, flags, io } = this.#options
    const { name, uid, labels } = pod.metadata
    const key = `${uid}/${container}`
    if (this.#known.has(key)) return
    this.#known.add(key)
    const many = pod.spec.containers.length > 1 ? `/${container}` : ''
    const prefix = flags.prefix === false ? '' : `[${labels?.[LABEL.color] ?? '?'} ${name}${many}] `
    const whole = new URLSearchParams([...query, ['container', container]])
    const path = `/api/v1/namespaces/${place.namespace}/pods/${name}/log?${whole.toString()}`
    try {
      const stream = await openText(session.access, path, io.signal)
      for await (const line of createInterface({ input: stream }))
        io.stdout.write(`${prefix}${lines(line)}\n`)
    } catch (error) {
      if (io.signal.aborted) return
      // A container that has not started has no log yet.
      if (flags.follow) this.#known.delete(key)
      else warn(io, `${prefix}${(error as Error).message}`)
    }
  }
}
