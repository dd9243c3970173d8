import { readFileSync } from 'node:fs'

/** Version of this program; the bundle has it written in. */
export function programVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
