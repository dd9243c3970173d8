import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { ClusterError } from './cluster-error.ts'
import { ConfigError, parseInvocation, type Invocation } from './config.ts'
import { layoutOf } from './layout.ts'
import { attach, down, initOf, state, up } from './node.ts'

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
  const options = { config, report: (line: string) => console.log(line), signal: interrupted.signal }
  switch (verb) {
    case 'up':
      console.log(`kubeconfig: ${(await up(options)).kubeconfigPath}`)
      return 0
    case 'down':
      await down(options)
      return 0
    case 'status':
      return status(config)
    case 'load':
      for (const tag of args) await (await attach(options)).load(tag)
      return 0
    case 'exec':
      return enter(config, args)
    case 'kubeconfig':
      console.log(layoutOf(config).kubeconfig)
      return 0
  }
}

async function status(config: Invocation['config']): Promise<number> {
  const found = await state(config)
  switch (found.type) {
    case 'Down':
      console.log(`cluster ${config.name} is down`)
      return 1
    case 'Broken':
      console.log(`cluster ${config.name} is broken: ${found.reason}; up starts it anew, down removes it`)
      return 1
    case 'Up':
      console.log(
        `cluster ${config.name} is ${found.problems.length === 0 ? 'healthy' : found.problems.join(', ')}`,
      )
      console.log(
        `range ${found.range}, ${found.pods.length} pods${found.pods.map((pod) => `\n  ${pod}`).join('')}`,
      )
      return found.problems.length === 0 ? 0 : 1
  }
}

/** Runs a command inside the node with this terminal; its exit code is ours. */
async function enter(config: Invocation['config'], command: readonly string[]): Promise<number> {
  const { pid } = await initOf(config)
  const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid']
  const child = spawn('nsenter', ['--target', String(pid), ...namespaces, ...command], { stdio: 'inherit' })
  const [code] = (await once(child, 'close')) as [number | null]
  return code ?? 1
}
