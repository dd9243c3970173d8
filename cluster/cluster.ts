import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ClusterError } from './cluster-error.ts'
import { ConfigError, parseInvocation, USAGE, type Invocation } from './config.ts'
import type { ClusterState } from './handle.ts'
import { providerFor } from './provider.ts'

const CONFIG_EXIT = 2

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => interrupted.abort(new ClusterError('stopped; nothing is left half-done')))
}

try {
  process.exitCode = await perform(parseInvocation(process.argv.slice(2), process.env))
} catch (cause) {
  if (!(cause instanceof ClusterError || cause instanceof ConfigError)) throw cause
  console.error(cause instanceof ClusterError ? `error: ${cause.message}` : cause.message)
  process.exitCode = cause instanceof ConfigError ? CONFIG_EXIT : 1
}

/** Does what the command line says and returns the exit code. */
async function perform({ verb, args, config }: Invocation): Promise<number> {
  const report = (line: string): void => console.log(line)
  if (verb === 'help') {
    console.log(USAGE)
    return 0
  }
  const provider = await providerFor({ config, report, signal: interrupted.signal })
  switch (verb) {
    case 'up':
      console.log(`kubeconfig: ${(await provider.up()).kubeconfigPath}`)
      return 0
    case 'down':
      await provider.down()
      return 0
    case 'prepare':
      await provider.prepare()
      return 0
    case 'status':
      return tell(config.name, await provider.state())
    case 'load':
      for (const tag of args) report(`pods use it as ${await (await provider.attach()).load(tag)}`)
      return 0
    case 'exec':
      return enter(await provider.enter(args))
    case 'kubeconfig':
      console.log((await provider.attach()).kubeconfigPath)
      return 0
    case 'kubectl':
      console.log((await provider.attach()).kubectl)
      return 0
  }
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
