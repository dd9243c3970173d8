#!/usr/bin/env node
/** Signals and the machine; everything else is in program.ts. */
import { setTimeout } from 'node:timers/promises'
import { readEnvironment } from './config.ts'
import { EXIT } from './errors.ts'
import type { Io } from './io.ts'
import { runCli } from './program.ts'

const ended = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    // Who asks twice does not want to wait for a last word.
    if (ended.signal.aborted) process.exit(EXIT.interrupted)
    ended.abort()
  })
// Whoever reads the output has seen enough: head, less.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.notDone),
)

const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  readStdin: async () => {
    let text = ''
    for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk as string
    return text
  },
  environment: readEnvironment(),
  now: () => Date.now(),
  sleep: (ms, signal) => setTimeout(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => undefined),
  signal: ended.signal,
}

// Not awaited at the top: the bundle is CommonJS, where nothing of Node is loaded before it is used.
void runCli(process.argv.slice(2), io).then((exitCode) => {
  // Idle connections to the API server hold nobody up.
  process.exit(exitCode)
})
