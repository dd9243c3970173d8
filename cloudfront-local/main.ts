/** The command line program: `npm run cloudfront-local -- --help`. */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ConfigError, HELP, readCommandLine } from './config.ts'
import { logToStderr } from './log.ts'
import { SeedError } from './seed.ts'
import { startCloudFrontLocal } from './start.ts'
import { StateError } from './state/state-folder.ts'
import type { CommandLine } from './config.ts'

const GRACE_MS = 10_000

async function main(): Promise<void> {
  const command = readCommandLine(process.argv.slice(2))
  if (command.type === 'Help') {
    process.stdout.write(HELP)
    return
  }
  const running = await startCloudFrontLocal(withSeed(command))
  const { apiUrl, adminUrl, edgeUrls, viewerUrl, ports } = running
  process.stdout.write(`${JSON.stringify({ apiUrl, adminUrl, edgeUrls, viewerUrl, ports })}\n`)

  const stop = (signal: NodeJS.Signals): void => {
    logToStderr('Stopping', { signal })
    void running.close(GRACE_MS)
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

function withSeed({ options, seedFile }: Extract<CommandLine, { type: 'Run' }>): typeof options {
  if (seedFile === undefined) return options
  try {
    return { ...options, seed: readFileSync(seedFile, 'utf8'), seedFolder: dirname(seedFile) }
  } catch (error) {
    throw new ConfigError([`--seed ${seedFile}: ${(error as Error).message}`])
  }
}

try {
  await main()
} catch (error) {
  if (error instanceof SeedError) process.stderr.write(`invalid seed:\n- ${error.problems.join('\n- ')}\n`)
  else if (error instanceof StateError) process.stderr.write(`--state: ${error.message}\n`)
  else process.stderr.write(`${(error as Error).message}\n`)
  const unusable = [SeedError, ConfigError, StateError].some((kind) => error instanceof kind)
  process.exitCode = unusable ? 2 : 1
}
