/**
 * `npm run check:bare-root`: plays the README's commands in a Debian 12 that has nothing but `make`, and lists every program
 * that ran there by who brought it. Fails where a command does, where a program is missing, and where one ran that neither
 * the bare system nor a script of ours brought; with arguments, these are the commands. Needs root and Debian's package mirrors; leaves nothing behind.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { rootCertificates } from 'node:tls'
import { removeCgroups } from '../cluster/cgroups.ts'
import { CONTAINED, run } from '../cluster/command.ts'
import { readConfig } from '../cluster/config.ts'
import { debianSources, withFreshLists } from '../cluster/debian.ts'
import { lock } from '../cluster/lock.ts'
import { ROOT } from '../demo/program.ts'
import { missingPrograms, originsOf, tellPrograms, type Records } from './bare-root/programs.ts'

/** What this check itself needs, here and not in the bare root. */
const PACKAGES = ['mmdebstrap', 'slirp4netns', 'e2fsprogs', 'gcc', 'libc6-dev', 'git', 'util-linux']

/** What a bare system has, by the README. */
const README_NEEDS = ['make']

/** The name of the clusters that are made in there: their cgroups are the one thing that is seen outside. */
const CLUSTER = 'bare'

/** How a machine reaches its mirrors is its own affair, and goes with it into the root. */
const ACCESS_VARIABLES =
  /^(https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|GOPROXY|GOSUMDB|GONOSUMDB|GOINSECURE)$/

/** Folders whose tests run programs. */
const UNIT_TESTS = ['/cluster/', '/scripts/', '/demo/'].join(' ')

/** The first command of the README's chapter on installing, exactly as it stands there. */
async function installCommand(): Promise<string> {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
  const command = /^## Install\n+```sh\n(.*)$/m.exec(readme)?.[1]
  if (command === undefined) throw new Error('README.md has no command below "## Install"')
  return command
}

/** In this order: a package that a user of the README brings may not help a command of ours. */
async function readmeCommands(): Promise<string[]> {
  return [
    'make setup',
    `npm run -s jest -- --silent --selectProjects unit --testPathPatterns ${UNIT_TESTS}`,
    'make demo',
    'npm run -s cluster -- up',
    'npm run -s jest -- --runInBand --silent operator/test/e2e/crd.e2e operator/test/e2e/manifests.e2e',
    // The oldest kubectl that the README names is that of Debian 12.
    'apt-get install -qq -y --no-install-recommends kubernetes-client >/dev/null',
    `export KUBECONFIG=$(npm run -s cluster -- kubeconfig); /usr/bin/kubectl version --client --short && ${await installCommand()}`,
    'npm run -s cluster -- down',
  ]
}

/** The certificate authorities of this machine that no public root signed for, in one text. */
async function ownAuthorities(): Promise<string[]> {
  const bundle = await readFile('/etc/ssl/certs/ca-certificates.crt', 'utf8').catch(() => '')
  const known = new Set(rootCertificates.map(bare))
  const found = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return found.filter((certificate) => !known.has(bare(certificate)))
}

const bare = (certificate: string): string => certificate.replaceAll(/\s/g, '')

/** apt's sources, npm's registry and the authorities, as files of the root. */
async function accessFiles(folder: string): Promise<void> {
  const { lines, aptOptions } = await debianSources()
  const npm = JSON.parse(await run('npm', ['config', 'list', '--json'], { cwd: '/' })) as Record<
    string,
    unknown
  >
  const reach = ['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl']
    .filter((key) => npm[key] !== undefined && npm[key] !== null && npm[key] !== '')
    .map((key) => `${key}=${String(npm[key])}`)
  const authorities = await ownAuthorities()
  const files: Record<string, string> = {
    'etc/apt/sources.list': `${lines.join('\n')}\n`,
    'etc/apt/apt.conf.d/99reach': aptOptions.map((option) => `${option};\n`).join(''),
    'root/.npmrc': `${[...reach, ...(authorities.length > 0 ? ['cafile=/root/authorities.pem'] : [])].join('\n')}\n`,
    'root/authorities.pem': `${[...rootCertificates, ...authorities].join('\n')}\n`,
    // Only of use once the package ca-certificates is there, as on any machine that was given an authority of its own.
    ...Object.fromEntries(
      authorities.map((text, index) => [`usr/local/share/ca-certificates/own-${index}.crt`, `${text}\n`]),
    ),
  }
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path)
    await mkdir(join(target, '..'), { recursive: true })
    await writeFile(target, content)
  }
}

/** Everything that enter.sh reads. */
async function prepare(work: string, signal: AbortSignal): Promise<void> {
  const at = (name: string): string => join(work, name)
  await withFreshLists(['install', '--yes', '--no-install-recommends', ...PACKAGES], { signal })
  await run('gcc', [
    '-O2',
    '-Wall',
    '-Werror',
    '-o',
    at('executed'),
    join(import.meta.dirname, 'bare-root/executed.c'),
  ])
  const { lines, aptOptions } = await debianSources()
  const options = aptOptions.map((option) => `--aptopt=${option}`)
  await run(
    'mmdebstrap',
    [
      '--variant=minbase',
      '--mode=root',
      `--include=${README_NEEDS.join(',')}`,
      ...options,
      'bookworm',
      at('root.tar'),
      '-',
    ],
    { input: lines.join('\n'), signal, contained: true, logFile: at('root.log') },
  )
  await accessFiles(at('files'))
  await run('tar', [
    '--create',
    '--file',
    at('files.tar'),
    '--owner=0',
    '--group=0',
    '--directory',
    at('files'),
    '.',
  ])
  const listed = await run('git', [
    '-C',
    ROOT,
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    '--deduplicate',
  ])
  const tar = [
    '--create',
    '--file',
    at('checkout.tar'),
    '--directory',
    ROOT,
    '--null',
    '--ignore-failed-read',
    '--files-from=-',
  ]
  await run('tar', tar, { input: listed })
  const variables = Object.entries(process.env).filter(([name]) => ACCESS_VARIABLES.test(name))
  const environment = [...variables, ['MODELRELEASE_CLUSTER_NAME', CLUSTER]].map(
    ([name, value]) => `${name}=${value}`,
  )
  await writeFile(at('environment'), `${environment.join('\n')}\n`)
}

/** Plays the commands that were given, or the README's; resolves with the exit code and everything that was said. */
async function play(work: string, signal: AbortSignal): Promise<{ code: number; log: string }> {
  const { cacheDir } = readConfig()
  const given = process.argv.slice(2)
  const commands = given.length > 0 ? given : await readmeCommands()
  await mkdir(cacheDir, { recursive: true })
  const [program, ...contained] = CONTAINED
  const enter = [join(import.meta.dirname, 'bare-root/enter.sh'), work, cacheDir, ...commands]
  const child = spawn(program, [...contained, '--uts', '--ipc', ...enter], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  const said: string[] = []
  const file = createWriteStream(join(work, 'log.txt'))
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line)
    file.write(`${line}\n`)
    console.log(line.startsWith('== ') ? line : `   ${line}`)
  }
  const [code] = await ended
  return { code: code ?? 1, log: said.join('\n') }
}

async function recordsOf(work: string): Promise<Records> {
  const text = (name: string): Promise<string> => readFile(join(work, name), 'utf8').catch(() => '')
  return {
    executed: await text('executed.txt'),
    before: await text('before.txt'),
    owners: await text('owners.txt'),
    history: await text('history.log'),
  }
}

async function check(work: string, signal: AbortSignal): Promise<number> {
  const started = Date.now()
  await prepare(work, signal)
  const { code, log } = await play(work, signal)
  const origins = originsOf(await recordsOf(work))
  const missing = missingPrograms(log)
  console.log(tellPrograms(origins, missing))
  const strangers = [...origins.values()].filter(({ type }) => type === 'Nobody').length
  const good = code === 0 && missing.size === 0 && strangers === 0 && origins.size > 0
  console.log(
    `bare root: ${good ? 'passed' : 'failed'} after ${((Date.now() - started) / 1000).toFixed(0)} s`,
  )
  return good ? 0 : 1
}

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => interrupted.abort(new Error(`stopped by ${name}`)))

const held = await lock('/run/modelrelease/.bare-root.lock', () =>
  console.log('waiting for another run of this check'),
)
const work = await mkdtemp(join(tmpdir(), 'modelrelease-bare-root-'))
const removeNode = (): Promise<void> => removeCgroups(`modelrelease-${CLUSTER}`)
try {
  // A run that was killed could not remove it.
  await removeNode()
  process.exitCode = await check(work, interrupted.signal)
} catch (error) {
  console.error(`bare root: ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  await removeNode()
  await rm(work, { recursive: true, force: true })
  await held.release()
}
