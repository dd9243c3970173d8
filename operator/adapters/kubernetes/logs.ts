/** What a color's pods said last, for the status of an attempt that failed. */
import { lines } from '../../api/text.ts'
import { NO_LOG } from '../../planner/rules/last-logs.ts'
import type { ContainerStatus, Pod, Termination } from './objects.ts'
import type { Requests } from './requests.ts'
import { POD_LOGS } from './resources.ts'

/** Bytes of a status that logs may take. */
const LIMIT = 2048

/** Pods of one color fail alike: two say enough. */
const PODS_READ = 2

const LINES = 20

/** One container whose last words are wanted. */
interface Speaker {
  pod: string
  container: string
  ended?: Termination
  /** The running container has said nothing of the failure: the one before it has. */
  run: 'Current' | 'Previous'
}

/** Which containers to listen to: in each of the first pods the one that failed, otherwise the first. */
export function speakersOf(pods: readonly Pod[]): Speaker[] {
  return pods.slice(0, PODS_READ).map((pod) => {
    const unready = statusesOf(pod).filter((one) => !one.ready)
    const failed = unready.find((one) => endOf(one))
    const ended = failed && endOf(failed)
    return {
      pod: pod.metadata.name,
      container: (failed ?? unready[0] ?? pod.spec.containers[0])?.name ?? '',
      run: failed && !failed.state?.terminated ? 'Previous' : 'Current',
      ...(ended ? { ended } : {}),
    }
  })
}

function statusesOf({ status }: Pod): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
}

/** The whole text, at most 2 KiB; the end of each log is what tells, so the beginning is cut. */
export async function lastWords(
  requests: Requests,
  { namespace, pods, hide }: { namespace: string; pods: readonly Pod[]; hide: (said: string) => string },
): Promise<string> {
  const speakers = speakersOf(pods)
  const share = Math.floor(LIMIT / Math.max(speakers.length, 1))
  const parts = await Promise.all(
    speakers.map(async (speaker) => {
      // Before it is cut, which would leave a piece of what is to be hidden.
      const said = hide(await linesOf(requests, namespace, speaker))
      return excerptOf(headingOf(speaker), said, share - 1)
    }),
  )
  return parts.join('\n')
}

async function linesOf(requests: Requests, namespace: string, speaker: Speaker): Promise<string> {
  const query = {
    container: speaker.container,
    tailLines: String(LINES),
    limitBytes: String(LIMIT * 16),
    ...(speaker.run === 'Previous' ? { previous: 'true' } : {}),
  }
  try {
    const said = lines(await requests.text(POD_LOGS, { namespace, name: speaker.pod }, query)).trimEnd()
    return said === '' ? `${NO_LOG}: the container wrote nothing)` : said
  } catch (error) {
    // A container that never started has no log (400), a kubelet may be away: the attempt's end must not wait for it.
    return `${NO_LOG}: ${error instanceof Error ? error.message : String(error)})`
  }
}

function headingOf({ pod, container, ended }: Speaker): string {
  if (!ended) return `${pod}/${container}:`
  const how = ended.signal ? `signal ${ended.signal}` : `exit code ${ended.exitCode}`
  return `${pod}/${container} ended with ${how}${ended.reason ? ` (${ended.reason})` : ''}:`
}

function excerptOf(heading: string, said: string, bytes: number): string {
  const room = bytes - Buffer.byteLength(heading) - 1
  const all = Buffer.from(said)
  if (all.length <= room) return `${heading}\n${said}`
  // A cut in the middle of a character would leave a replacement mark: it goes with the line that is cut.
  const kept = all.subarray(all.length - room + 4).toString('utf8')
  return `${heading}\n…${kept.replace(/^�+/, '')}`
}

function endOf({ state, lastState }: ContainerStatus): Termination | undefined {
  return [state?.terminated, lastState?.terminated].find((ended) => ended && ended.reason !== 'Completed')
}
