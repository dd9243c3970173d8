/**
 * `node demo/clean.ts`: stops and removes every environment that the demo or its tests left running; logs stay. With
 * `--abandoned` only those that no process uses and that KEEP=1 did not leave.
 */
import { allRunning, isAbandoned, stopRunning } from './running.ts'

const only = process.argv[2] === '--abandoned' ? isAbandoned : () => Promise.resolve(true)

for (const running of allRunning())
  if (await only(running)) await stopRunning(running, (line) => console.log(line))
