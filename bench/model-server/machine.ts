/** The machine as a reader must know it, and the Debian packages of the peers. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release, totalmem } from 'node:os'
import type { Cores } from './pinned-process.ts'

const PACKAGES = ['wrk', 'python3-flask', 'gunicorn', 'python3-pandas', 'python3-sklearn']

/** Install what is missing of the peers; throws with what to do where that cannot be done. */
export function installPeers(say: (line: string) => void): void {
  const missing = PACKAGES.filter((name) => versionOf(name) === undefined)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).status !== 0) {
    throw new Error(`missing; on Debian 12: apt-get install ${missing.join(' ')}`)
  }
  say(`installing ${missing.join(' ')}`)
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'] as ['ignore', 'ignore', 'inherit'] }
  const install = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'apt-get',
    'install',
    '-y',
    '-q',
    '--no-install-recommends',
  ]
  const [program = '', ...args] = [...install, ...missing]
  if (spawnSync(program, args, quiet).status === 0) return
  execFileSync('apt-get', ['update', '-q'], quiet)
  execFileSync(program, args, quiet)
}

/** What the numbers depend on. */
export function machineFacts(cores: Cores): Record<string, string> {
  const all = cpus()
  const python = ['flask', 'pandas', 'sklearn'].map(
    (name) => `${name} ${versionOf(`python3-${name}`) ?? 'missing'}`,
  )
  return {
    '': `${all.length} × ${all[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    'server on core': String(cores.server),
    'client on core': String(cores.client),
    Node: process.version.slice(1),
    express: npmVersion('express'),
    'onnxruntime-node': npmVersion('onnxruntime-node'),
    wrk: versionOf('wrk') ?? 'missing',
    Python: [...python, `gunicorn ${versionOf('gunicorn') ?? 'missing'}`].join(', '),
    'load average before': (loadavg()[0] ?? 0).toFixed(1),
  }
}

/** Upstream's version of an installed Debian package. */
function versionOf(name: string): string | undefined {
  const asked = spawnSync('dpkg-query', ['--show', '--showformat', '${db:Status-Abbrev} ${Version}', name], {
    encoding: 'utf8',
  })
  return /^ii\s+(?:\d+:)?([^-+\s]+)/.exec(asked.stdout)?.[1]
}

function npmVersion(name: string): string {
  const require = createRequire(new URL('../../model-server/package.json', import.meta.url))
  const entry = require.resolve(name)
  const folder = entry.slice(0, entry.lastIndexOf(`/node_modules/${name}/`))
  const manifest = readFileSync(`${folder}/node_modules/${name}/package.json`, 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
