/** Debian's docker-registry as a registry of this machine that wants a password; unpacked, since installed it would be a service. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { exists, unpackPackages } from '../../../cluster/build-steps.ts'
import { identify, type ProcessIdentity } from '../../../cluster/process-identity.ts'

/** Who may push and pull; the file has bcrypt's form of the password, the only one that the registry reads. */
export const ACCOUNT = { user: 'team', password: 'any' } as const
const PASSWORDS = `${ACCOUNT.user}:$2b$05$modelreleasemodelreleOJBc4xTSr/sMlZGD77jhsnM/zVyGnpau\n`

const ANSWER_MS = 60_000
const ASK_MS = 50

export type RegistryOptions = {
  /** Takes images, settings and the log. */
  folder: string
  /** `HOST:PORT`, an address of this machine. */
  address: string
  cacheDir: string
}

/** Starts it; returns once it answers. @throws Error where it does not */
export async function startRegistry({
  folder,
  address,
  cacheDir,
}: RegistryOptions): Promise<ProcessIdentity> {
  await mkdir(folder, { recursive: true })
  const passwords = join(folder, 'htpasswd')
  await writeFile(passwords, PASSWORDS)
  const settings = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(folder, 'images') } },
    http: { addr: address },
    auth: { htpasswd: { realm: 'local', path: passwords } },
  }
  const file = join(folder, 'registry.json')
  await writeFile(file, JSON.stringify(settings))
  const logFile = join(folder, 'registry.log')
  const log = openSync(logFile, 'a')
  const child = spawn(await registryProgram(cacheDir), ['serve', file], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  child.unref()
  await once(child, 'spawn')
  const identity = await identify(child.pid ?? 0)
  const late = Date.now() + ANSWER_MS
  while (identity && Date.now() < late) {
    if (await asksForPassword(address)) return identity
    await sleep(ASK_MS)
  }
  throw new Error(`the registry does not answer at ${address}, see ${logFile}`)
}

async function registryProgram(cacheDir: string): Promise<string> {
  const folder = join(cacheDir, 'docker-registry')
  await mkdir(cacheDir, { recursive: true })
  if (!(await exists(folder))) await unpackPackages(['docker-registry'], folder, {})
  return join(folder, 'usr/bin/docker-registry')
}

/** https://distribution.github.io/distribution/spec/api/#api-version-check */
function asksForPassword(address: string): Promise<boolean> {
  return fetch(`http://${address}/v2/`).then(
    ({ status }) => status === 401,
    () => false,
  )
}
