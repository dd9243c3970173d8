/**
 * njs, the engine that CloudFront's runtime of functions is of the family of, as an oracle: a program that nobody here wrote.
 * Version 0.8 is that of the time of cloudfront-js-2.0; Debian 12 has an older one that crashes, so this is the one of the next
 * Debian, unpacked beside its own libraries.
 */
import { spawnSync } from 'node:child_process'
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attempt, run } from '../../cluster/command.ts'
import { readConfig } from '../../cluster/config.ts'
import { debianSources, osRelease } from '../../cluster/debian.ts'
import { lock } from '../../cluster/lock.ts'

const SUITE = 'trixie'
/** The program, and every library that it loads. */
const PACKAGES = [
  ...['njs', 'libc6', 'libedit2', 'libpcre2-8-0', 'libssl3t64'],
  ...['libbsd0', 'libmd0', 'libtinfo6', 'libzstd1', 'zlib1g'],
]

export type Njs = {
  version: string
  /** Runs `main.js` of these files, and gives what it printed, errors too. Modules are found by the name of their file. */
  run: (files: Readonly<Record<string, string>>) => Promise<string>
}

/** The engine, fetched once on a machine; undefined, and said loudly, only where apt cannot reach the suite. */
export async function njs(): Promise<Njs | undefined> {
  const root = await unpacked()
  if (root === undefined) return undefined
  const libraries = join(root, 'usr/lib', await only(join(root, 'usr/lib'), /-linux-gnu/))
  const loader = join(libraries, await only(libraries, /^ld-linux.*\.so\.\d$/))
  const program = ['--library-path', libraries, join(root, 'usr/bin/njs')]
  const ask = (args: readonly string[]): string => {
    const { stdout, stderr, error } = spawnSync(loader, [...program, ...args], { encoding: 'utf8' })
    if (error !== undefined) throw error
    return `${stdout}${stderr}`.trim()
  }
  return {
    version: ask(['-v']),
    run: async (files) => {
      const folder = await mkdtemp(join(tmpdir(), 'modelrelease-njs-'))
      try {
        for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
        return ask(['-p', folder, join(folder, 'main.js')])
      } finally {
        await rm(folder, { recursive: true })
      }
    },
  }
}

async function unpacked(): Promise<string | undefined> {
  const { cacheDir } = readConfig()
  const root = join(cacheDir, `njs-${SUITE}-1`)
  if (await exists(root)) return root
  if (!/^ID=debian$/m.test(await osRelease())) {
    skipped('this is no Debian')
    return
  }
  const held = await lock(`${root}.lock`, () => undefined)
  try {
    return (await exists(root)) ? root : await fetched(root)
  } finally {
    await held.release()
  }
}

/** Through a private apt directory: the machine's own sources stay as they are. */
async function fetched(root: string): Promise<string | undefined> {
  const work = `${root}.partial`
  await rm(work, { recursive: true, force: true })
  await mkdir(join(work, 'lists/partial'), { recursive: true })
  await mkdir(join(work, 'cache/archives/partial'), { recursive: true })
  const { lines } = await debianSources()
  const sources = lines
    .filter((line) => line.includes(' bookworm '))
    .map((line) => line.replace(' bookworm ', ` ${SUITE} `))
  await writeFile(join(work, 'sources.list'), `${sources.join('\n')}\n`)
  const settings = [
    `Dir::Etc::sourcelist=${work}/sources.list`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${work}/lists`,
    `Dir::Cache=${work}/cache`,
    'APT::Sandbox::User=root',
    'APT::Update::Error-Mode=any',
  ].flatMap((setting) => ['-o', setting])
  const update = await attempt('apt-get', [...settings, '-q', 'update'])
  if (update.code !== 0) {
    skipped(update.stderr)
    return
  }
  await run('apt-get', [...settings, '-q', 'download', ...PACKAGES], { cwd: work })
  for (const file of await readdir(work))
    if (file.endsWith('.deb')) await run('dpkg', ['--extract', join(work, file), join(work, 'root')])
  await rename(join(work, 'root'), root)
  await rm(work, { recursive: true })
  return root
}

function skipped(why: string): undefined {
  process.stderr.write(
    `NOT TESTED against njs, which Debian ${SUITE} has and cannot be fetched here: ${why.trim()}\n`,
  )
  return undefined
}

async function only(folder: string, pattern: RegExp): Promise<string> {
  const [name, another] = (await readdir(folder)).filter((one) => pattern.test(one))
  if (name === undefined || another !== undefined)
    throw new Error(`${folder}: expected one ${String(pattern)}`)
  return name
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
