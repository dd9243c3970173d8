/** Viewers of the dashboard: pages asked for at a constant rate, each over a connection of its own. */
import { EventEmitter, once } from 'node:events'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterRunning } from './deadline.ts'
import { versionMark } from './housing.ts'

export type PageCount = { pages: number; failures: string[]; versions: Record<string, number> }
export type DashboardViewers = {
  /** Returns once a page of that version was seen. Throws when the signal aborts before. */
  seen: (version: string, signal: AbortSignal) => Promise<void>
  leave: () => Promise<PageCount>
}

const EVERY_MS = 20
/** In which the machine ran. */
const TIMEOUT_MS = 3000

/** Returns once the first page is there: a Service that was just made is not known to every node yet. */
export async function dashboardAnswers(
  url: string,
  versions: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  while (versionOf(await pageAt(url), versions) === undefined) await sleep(EVERY_MS, undefined, { signal })
}

function versionOf(page: string, versions: readonly string[]): string | undefined {
  return versions.find((one) => page.includes(versionMark(one)))
}

/** Asks until `leave`; only a page of one of `versions` is right. */
export function watchDashboard(url: string, versions: readonly string[]): DashboardViewers {
  const count: PageCount = { pages: 0, failures: [], versions: {} }
  const open = new Set<Promise<void>>()
  const pages = new EventEmitter()
  const ask = async (): Promise<void> => {
    const number = ++count.pages
    const page = await pageAt(url)
    const version = versionOf(page, versions)
    if (version === undefined) count.failures.push(`page ${number}: ${page.slice(0, 200)}`)
    else {
      count.versions[version] = (count.versions[version] ?? 0) + 1
      pages.emit(version)
    }
  }
  const timer = setInterval(() => {
    const asked = ask().finally(() => open.delete(asked))
    open.add(asked)
  }, EVERY_MS)
  return {
    seen: async (version, signal) => {
      if (count.versions[version] === undefined) await once(pages, version, { signal })
    },
    leave: async () => {
      clearInterval(timer)
      await Promise.all(open)
      return count
    },
  }
}

/** The body of a page, or what went wrong instead. */
function pageAt(url: string): Promise<string> {
  return new Promise((resolve) => {
    const fail = (error: Error): void => resolve(error.message)
    const request = get(url, { agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('error', fail)
      response.on('end', () =>
        resolve(response.statusCode === 200 ? body : `status ${response.statusCode ?? 0}`),
      )
    })
    const late = (): void => void request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`))
    request.on('close', afterRunning(TIMEOUT_MS, late))
    request.on('error', fail)
  })
}
