/**
 * `npm run check:monitoring`: the alerts and the dashboard of manifests/monitoring in a real Prometheus, Debian's: the rules
 * by its promtool, when each alert fires by alerts.test.yaml, and every query on what the operator's own metrics are once
 * they were scraped. Needs Debian's package mirrors; nothing is installed, and nothing stays.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { dump, load } from 'js-yaml'
import { Registry } from 'prom-client'
import { freePort } from '../free-port.ts'
import { run } from '../../cluster/command.ts'
import { withFreshLists } from '../../cluster/debian.ts'
import { ROOT } from '../../demo/program.ts'
import { releaseMetrics } from '../../operator/metrics.ts'
import { leaderMetric, queueMetrics } from '../../operator/controller/metrics.ts'
import { createMetricsServer } from '../../operator/controller/health-server.ts'

const FOLDER = join(ROOT, 'manifests/monitoring')
const START_MS = 60_000

type Rules = { spec: { groups: { rules: { alert: string; expr: string }[] }[] } }
type Dashboard = { panels: { title: string; targets: { expr: string }[] }[] }

/** Prometheus and promtool, out of Debian's package. */
async function programs(scratch: string): Promise<{ prometheus: string; promtool: string }> {
  const download = ['-o', 'APT::Sandbox::User=root', 'download', 'prometheus']
  await withFreshLists(download, { cwd: scratch })
  const [file = ''] = (await readdir(scratch)).filter((name) => name.endsWith('.deb'))
  await run('dpkg-deb', ['--extract', join(scratch, file), join(scratch, 'root')])
  const at = (name: string): string => join(scratch, 'root/usr/bin', name)
  return { prometheus: at('prometheus'), promtool: at('promtool') }
}

/** Series of every metric that the operator has, as it makes them. */
function exposed(): Registry {
  const registry = new Registry()
  const queue = queueMetrics(registry, () => ({ runningMs: () => [20] }))
  leaderMetric(registry, 'modelrelease-operator', () => true)
  queue.added()
  queue.depth(1)
  queue.began(0.01)
  queue.ended(0.02, 'done')
  const releases = releaseMetrics(registry)
  for (const [name, status] of [
    ['housing', 'True'],
    // Nobody is paged for what cannot be told.
    ['unknown', 'Unknown'],
  ]) {
    const conditions = ['Ready', 'Serving'].map((type) => ({ type, status }))
    const release = { metadata: { namespace: 'models', name } }
    releases.pass(release as never, { failed: [], status: { conditions } as never })
  }
  return registry
}

type Answer = { status: string; error?: string; data?: { result: unknown[] } }

async function ask(port: number, query: string): Promise<Answer> {
  const url = `http://127.0.0.1:${port}/api/v1/query?${new URLSearchParams({ query }).toString()}`
  return (await (await fetch(url)).json()) as Answer
}

/** Resolves once two scrapes stand in it: a rate needs them. */
async function scraped(port: number): Promise<void> {
  const soon = AbortSignal.timeout(START_MS)
  for (;;) {
    soon.throwIfAborted()
    const answer = await ask(port, 'count_over_time(up[1m]) >= 2').catch(() => undefined)
    if (answer?.data?.result.length) return
    await sleep(200)
  }
}

/** What is wrong with a query: a panel has something to show, and an alert nothing to find where all is well. */
async function problemOf(
  port: number,
  { title, expr }: { title: string; expr: string },
  wants: 'Something' | 'Nothing',
): Promise<string | undefined> {
  const { status, error, data } = await ask(port, expr.replaceAll('$namespace', '.*'))
  if (status !== 'success') return `${title}: ${error ?? status}`
  const found = data?.result.length ? 'Something' : 'Nothing'
  return found === wants ? undefined : `${title}: "${expr}" finds ${found.toLowerCase()}`
}

async function queries(prometheus: string, scratch: string, rules: Rules): Promise<string[]> {
  const server = createMetricsServer(exposed()).listen(0, '127.0.0.1')
  const port = await freePort()
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [{ job_name: 'operator', honor_labels: true, static_configs: [{ targets: [target] }] }],
  }
  await writeFile(join(scratch, 'prometheus.yaml'), dump(config))
  const flags = [
    `--config.file=${join(scratch, 'prometheus.yaml')}`,
    `--storage.tsdb.path=${join(scratch, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=error',
  ]
  const child = spawn(prometheus, flags, { stdio: ['ignore', 'inherit', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  try {
    await scraped(port)
    const dashboard = JSON.parse(await readFile(join(FOLDER, 'dashboard.json'), 'utf8')) as Dashboard
    const panels = dashboard.panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }) => ({ title, expr })),
    )
    const alerts = rules.spec.groups.flatMap((group) =>
      group.rules.map(({ alert, expr }) => ({ title: alert, expr })),
    )
    const problems = await Promise.all([
      ...panels.map((panel) => problemOf(port, panel, 'Something')),
      ...alerts.map((alert) => problemOf(port, alert, 'Nothing')),
    ])
    console.log(`${panels.length} queries of the dashboard and ${alerts.length} alerts were asked`)
    return problems.filter((problem) => problem !== undefined)
  } finally {
    child.kill('SIGTERM')
    await ended
    server.close()
  }
}

const scratch = await mkdtemp(join(tmpdir(), 'modelrelease-monitoring-'))
try {
  const rules = load(await readFile(join(FOLDER, 'rules.yaml'), 'utf8')) as Rules
  await writeFile(join(scratch, 'rules.yaml'), dump(rules.spec))
  await writeFile(
    join(scratch, 'alerts.test.yaml'),
    await readFile(join(import.meta.dirname, 'alerts.test.yaml')),
  )
  const { prometheus, promtool } = await programs(scratch)
  console.log(await run(promtool, ['check', 'rules', join(scratch, 'rules.yaml')]))
  console.log(await run(promtool, ['test', 'rules', join(scratch, 'alerts.test.yaml')]))
  const problems = await queries(prometheus, scratch, rules)
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
} finally {
  await rm(scratch, { recursive: true, force: true })
}
