/** Viewers of the dashboard: pages asked for at a constant rate, each over a connection of its own. */
import { get } from 'node:http'
import { versionMark } from './housing.ts'

export type PageCount = { pages: number; failures: string[]; versions: Record<string, number> }
export type DashboardViewers = { leave: () => Promise<PageCount> }

const EVERY_MS = 20
const TIMEOUT_MS = 3000

/** Asks until `leave`; only a page of one of `versions` is right. */
export function watchDashboard(url: string, versions: readonly string[]): DashboardViewers {
  const count: PageCount = { pages: 0, failures: [], versions: {} }
  const open = new Set<Promise<void>>()
  const ask = async (): Promise<void> => {
    const number = ++count.pages
    const page = await pageAt(url)
    const version = versions.find((one) => page.includes(versionMark(one)))
    if (version === undefined) count.failures.push(`page ${number}: ${page.slice(0, 200)}`)
    else count.versions[version] = (count.versions[version] ?? 0) + 1
  }
  const timer = setInterval(() => {
    const asked = ask().finally(() => open.delete(asked))
    open.add(asked)
  }, EVERY_MS)
  return {
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
    const request = get(url, { agent: false, timeout: TIMEOUT_MS }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('error', fail)
      response.on('end', () =>
        resolve(response.statusCode === 200 ? body : `status ${response.statusCode ?? 0}`),
      )
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    request.on('error', fail)
  })
}
