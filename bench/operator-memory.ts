/**
 * `node bench/operator-memory.ts [minutes]`: how much resident memory the operator holds above a process of the same image
 * that only imports the same packages, while releases follow one another behind the distribution.
 * Default: 30 minutes, in a cluster of its own. Prints one line a minute and a table at the end.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openEnvironment, type Environment } from '../demo/environment.ts'
import { OPERATOR_NAMESPACE, IMAGES } from '../demo/install.ts'
import { leaderPod, operatorProcesses, processOf, residentMiB } from '../demo/operator-pods.ts'
import { DEMO_DIR } from '../demo/running.ts'
import { apply } from '../demo/stage.ts'
import { openHousing } from '../demo/story.ts'

const PACKAGES = [
  '@kubernetes/client-node',
  '@dot-i/k8s-operator',
  '@aws-sdk/client-cloudfront',
  'pino',
  'prom-client',
]
const BASELINE_POD = 'imports-only'

const minutes = Number(process.argv[2] ?? 30)
if (!Number.isFinite(minutes) || minutes <= 0) {
  console.error(`"${process.argv[2] ?? ''}" is not a number of minutes`)
  process.exit(2)
}

/** A pod of the operator's image, with its flags, that imports what the operator imports and does nothing. */
function baselinePod(): object {
  const imports = PACKAGES.map((name) => `await import('${name}')`).join(';')
  const script = `${imports};console.log('imported');setInterval(() => undefined, 1e6)`
  const image = IMAGES.find(({ dockerfile }) => dockerfile.endsWith('operator'))?.tag
  const command = ['node', '--max-semi-space-size=2', '--input-type=module', '-e', script]
  const security = {
    allowPrivilegeEscalation: false,
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: BASELINE_POD, namespace: OPERATOR_NAMESPACE },
    spec: {
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'imports',
          image,
          imagePullPolicy: 'IfNotPresent',
          workingDir: '/app',
          command,
          securityContext: security,
        },
      ],
    },
  }
}

async function baseline({ kubectl, provider }: Environment): Promise<number> {
  await kubectl(['apply', '-f', '-'], JSON.stringify(baselinePod()))
  await kubectl([
    '-n',
    OPERATOR_NAMESPACE,
    'wait',
    '--for=condition=Ready',
    `pod/${BASELINE_POD}`,
    '--timeout=60s',
  ])
  const attach = [
    '-n',
    OPERATOR_NAMESPACE,
    'logs',
    '-f',
    '--pod-running-timeout=30s',
    BASELINE_POD,
    '--limit-bytes=9',
  ]
  await kubectl(attach)
  return residentMiB(provider, await processOf({ kubectl, provider }, BASELINE_POD))
}

type Sample = { minute: number; leader: number; standby: number }

async function sample(environment: Environment, minute: number): Promise<Sample> {
  const leading = await leaderPod(environment.kubectl)
  const held = { leader: 0, standby: 0 }
  for (const one of await operatorProcesses(environment))
    held[one.pod === leading ? 'leader' : 'standby'] = await residentMiB(environment.provider, one)
  return { minute, ...held }
}

/** One release after the other until the time is over, a sample each minute. */
async function releases(
  environment: Environment,
  say: (line: string) => void,
): Promise<{ samples: Sample[]; count: number }> {
  const housing = await openHousing({ environment, say: () => undefined, chapters: [], problems: [] })
  const samples: Sample[] = []
  const started = Date.now()
  let count = 0
  while (Date.now() - started < minutes * 60_000) {
    const version = String(count + 1)
    const model = count % 2 === 0 ? '1' : '2'
    const release = housing.write({ version, model, changes: { retireAfterSeconds: 0 } })
    const isAbout = await apply({ environment, say: () => undefined }, release)
    await housing.follower.until(
      `release ${version}`,
      (one) => isAbout(one) && one.status?.attempt?.outcome === 'Promoted',
      120_000,
    )
    count += 1
    const minute = Math.floor((Date.now() - started) / 60_000)
    if (minute === samples.at(-1)?.minute) continue
    const now = await sample(environment, minute)
    samples.push(now)
    say(
      `minute ${minute}: leader ${now.leader.toFixed(1)} MiB, standby ${now.standby.toFixed(1)} MiB, ${count} releases`,
    )
  }
  return { samples, count }
}

const logDir = join(DEMO_DIR, 'operator-memory')
mkdirSync(logDir, { recursive: true })
const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort(new Error('interrupted')))
const say = (line: string): void => console.log(line)
const environment = await openEnvironment({
  name: 'bench',
  range: '10.219.0.0/16',
  logDir,
  report: say,
  signal: interrupted.signal,
})
try {
  const imports = await baseline(environment)
  say(`imports only: ${imports.toFixed(1)} MiB`)
  const { samples, count } = await releases(environment, say)
  const first = samples.find(({ minute }) => minute >= 2) ?? samples[0]
  const last = samples.at(-1)
  const most = Math.max(...samples.map(({ leader }) => leader))
  say(
    `| imports only | leader, minute ${first?.minute ?? 0} | leader, minute ${last?.minute ?? 0} | most | most above imports | releases |`,
  )
  say('| --- | --- | --- | --- | --- | --- |')
  say(
    `| ${imports.toFixed(1)} MiB | ${first?.leader.toFixed(1) ?? ''} MiB | ${last?.leader.toFixed(1) ?? ''} MiB | ${most.toFixed(1)} MiB | ${(most - imports).toFixed(1)} MiB | ${count} |`,
  )
} finally {
  await environment.close()
}
