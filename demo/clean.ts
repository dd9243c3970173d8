/** `node demo/clean.ts`: stops and removes every environment that the demo or its tests left running; logs stay. */
import { allRunning, stopRunning } from './running.ts'

for (const running of allRunning()) await stopRunning(running, (line) => console.log(line))
