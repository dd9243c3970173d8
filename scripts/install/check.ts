/**
 * `npm run check:install`: the Helm chart and the kustomize overlays, rendered by the real programs, are the same objects
 * (manifests/install.test.ts). Helm 3 and 4 are compiled from their Go modules at the versions of scripts/ci/tool.sh, kubectl is the
 * one of the test cluster; they stay in the cache. Exit code 1: something failed; what was left out, for want of a program, fails nothing.
 */
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { readConfig } from '../../cluster/config.ts'
import { goRoot } from '../../cluster/go-modules.ts'
import { builtKubectl, builtTool } from '../built-tools.ts'

/** Whether the program, whose output is ours, ends well. */
function run(program: string, args: readonly string[], environment: Record<string, string> = {}): boolean {
  const { status } = spawnSync(program, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...environment },
  })
  return status === 0
}

/** The machine's Go, or else the one that compiles Kubernetes. */
async function goOnPath(): Promise<Record<string, string>> {
  if (spawnSync('go', ['version']).status === 0) return {}
  console.log('fetching Go, which this machine has not')
  return { PATH: [join(await goRoot(readConfig().cacheDir), 'bin'), process.env.PATH].join(delimiter) }
}

/** What cannot be had is told and left out, as check:delivery does it. */
async function have(
  name: string,
  built: () => string | undefined,
  build: () => Promise<boolean> | boolean,
): Promise<boolean> {
  if (built() !== undefined) return true
  console.log(`building ${name}: some minutes, once`)
  const failed = await Promise.resolve(build()).then((ended) => !ended, String)
  if (built() !== undefined) return true
  console.log(`left out: what takes ${name}${typeof failed === 'string' ? `: ${failed}` : ''}`)
  return false
}

function haveHelm(name: 'helm' | 'helm4'): Promise<boolean> {
  return have(
    name,
    () => builtTool(name),
    async () => run('scripts/ci/tool.sh', [name], await goOnPath()),
  )
}

const complete = [
  await haveHelm('helm'),
  await haveHelm('helm4'),
  await have(
    'kubectl, with the test cluster',
    () => builtKubectl('1.36'),
    () => run(process.execPath, ['cluster/cluster.ts', 'prepare']),
  ),
].every((one) => one)
const test = ['--selectProjects', 'unit', '--testPathPatterns', '/manifests/install\\.test\\.ts$']
const passed = run('npm', ['run', '-s', 'jest', '--', ...test], complete ? { INSTALL_TOOLS: 'required' } : {})
process.exitCode = passed ? 0 : 1
