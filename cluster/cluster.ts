import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { ClusterError } from './cluster-error.ts'
import {
  ConfigError,
  parseInvocation,
  USAGE,
  type ClusterConfig,
  type Invocation,
  type Verb,
} from './config.ts'
import type { ClusterProvider, ClusterState } from './handle.ts'
import { providerFor } from './provider.ts'

const CONFIG_EXIT = 2

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => interrupted.abort(new ClusterError('stopped; nothing is left half-done')))
}

/** Does what the command line says and returns the exit code. */
async function perform({ verb, args, config }: Invocation): Promise<number> {
  if (verb === 'help') {
    console.log(USAGE)
    return 0
  }
  const provider = await providerFor({ config, report, signal: interrupted.signal })
  const code = await ACTS[verb](provider, args, config)
  return typeof code === 'number' ? code : 0
}

function report(line: string): void {
  console.log(line)
}

/** Returns the exit code, where it is not always 0. */
type Act = (provider: ClusterProvider, args: readonly string[], config: ClusterConfig) => Promise<unknown>

const ACTS: Record<Exclude<Verb, 'help'>, Act> = {
  up: async (provider) => report(`kubeconfig: ${(await provider.up()).kubeconfigPath}`),
  down: (provider) => provider.down(),
  prepare: (provider) => provider.prepare(),
  status: async (provider, _, { name }) => tell(name, await provider.state()),
  build: async (provider, [tag = '', dockerfile = '', context = dirname(dockerfile)]) => {
    for (const path of [dockerfile, context])
      if (!existsSync(path))
        throw new ClusterError(`${path} does not exist: build takes TAG DOCKERFILE [CONTEXT]`)
    await (await provider.attach()).build({ tag, dockerfile, context })
  },
  load: async (provider, tags) => {
    const handle = await provider.attach()
    for (const tag of tags) report(`pods use it as ${await handle.load(tag)}`)
  },
  exec: async (provider, args) => enter(await provider.enter(args)),
  kubeconfig: async (provider) => report((await provider.attach()).kubeconfigPath),
  kubectl: async (provider) => report((await provider.attach()).kubectl),
}

function tell(name: string, state: ClusterState): number {
  switch (state.type) {
    case 'Down':
      console.log(`cluster ${name} is down`)
      return 1
    case 'Broken':
      console.log(`cluster ${name} is broken: ${state.reason}; up starts it anew, down removes it`)
      return 1
    case 'Up':
      console.log(`cluster ${name} is ${state.problems.length === 0 ? 'healthy' : state.problems.join(', ')}`)
      console.log(`${state.pods.length} pods${state.pods.map((pod) => `\n  ${pod}`).join('')}`)
      return state.problems.length === 0 ? 0 : 1
  }
}

/** Runs a command with this terminal; its exit code is ours. */
async function enter([program = '', ...args]: readonly string[]): Promise<number> {
  const [code] = (await once(spawn(program, args, { stdio: 'inherit' }), 'close')) as [number | null]
  return code ?? 1
}

try {
  process.exitCode = await perform(parseInvocation(process.argv.slice(2), process.env))
} catch (cause) {
  if (!(cause instanceof ClusterError || cause instanceof ConfigError)) throw cause
  console.error(cause instanceof ClusterError ? `error: ${cause.message}` : cause.message)
  process.exitCode = cause instanceof ConfigError ? CONFIG_EXIT : 1
}
