import { createHash } from 'node:crypto'
import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { secondsSince } from '../build-steps.ts'
import { ClusterError } from '../cluster-error.ts'
import { attempt, CONTAINED, run, type RunOptions } from '../command.ts'
import { debianSources } from '../debian.ts'
import { KUBERNETES } from '../kubernetes.ts'
import type { Engine } from './engine.ts'
import {
  baseSpecification,
  nodeImageFiles,
  nodeImages,
  sandboxImageOf,
  type NodeImage,
} from './node-files.ts'
import type { Places } from './places.ts'
import type { Programs } from './programs.ts'

/** What kind's own node image installs, without what serves disks over a network. */
const PACKAGES = [
  ...['systemd', 'kmod', 'mount', 'procps', 'jq', 'ca-certificates'],
  ...['iproute2', 'iptables', 'nftables', 'conntrack', 'ethtool'],
]

/** Where kind's module and kubeadm look for them. */
const PROGRAM_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  'usr/bin': ['kubeadm', 'kubectl', 'kubelet'],
  'usr/local/bin': ['containerd', 'containerd-shim-runc-v2', 'ctr'],
  'usr/local/sbin': ['runc'],
}

/** Of systemd's own, what is not for a container: the same as kind's own image leaves out. */
const UNWANTED = [
  'lib/systemd/system/multi-user.target.wants',
  'lib/systemd/system/basic.target.wants',
  'lib/systemd/system/local-fs.target.wants',
  'lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service',
  'lib/systemd/system/sockets.target.wants/systemd-initctl.socket',
  'lib/systemd/system/sockets.target.wants/systemd-udevd-control.socket',
  'lib/systemd/system/sockets.target.wants/systemd-udevd-kernel.socket',
  // Settings of the whole machine, and not of a network namespace.
  'usr/lib/sysctl.d',
  'etc/sysctl.d/99-sysctl.conf',
]
const SERVICES = ['kubelet', 'containerd', 'undo-mount-hacks', 'kernel-settings']

const ANSWER_MS = 60_000
const ASK_MS = 100

const NODE = 'modelrelease/kind-node'
/** What a few of the node's images are built on. */
const DEBIAN = 'modelrelease/kind-debian:1'

interface NodeImageOptions {
  readonly places: Places
  readonly programs: Programs
  readonly engine: Engine
  readonly report: (line: string) => void
  readonly signal?: AbortSignal | undefined
}

/** The name of an image for kind's nodes in the engine; made once, and anew where what it is made from changed. */
export async function ensureNodeImage(options: NodeImageOptions): Promise<string> {
  const { engine, places, programs, report } = options
  const { version } = KUBERNETES['1.36']
  const recipe = JSON.stringify([programs.key, PACKAGES, UNWANTED, SERVICES, nodeImageFiles(version)])
  const tag = `${NODE}:v${version}-${createHash('sha256').update(recipe).digest('hex').slice(0, 12)}`
  if (await engine.has(tag)) return tag
  const started = Date.now()
  report(`making an image for kind's nodes, Kubernetes ${version}, once`)
  const work = join(places.cache, 'node-image')
  const log: RunOptions = { logFile: join(places.cache, 'node-image.log'), signal: options.signal }
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  const root = join(work, 'root')
  await debian(root, log)
  await engine.docker(['import', await tarOf(root, join(work, 'debian.tar'), log), DEBIAN], log)
  await fillNode(root, programs.directory, version)
  await preload(await writeImages(work, root, options, log), root, { ...options, work }, log)
  await importNode(await tarOf(root, join(work, 'node.tar'), log), tag, engine, log)
  await rm(work, { recursive: true })
  report(`made it in ${secondsSince(started)}`)
  return tag
}

async function debian(root: string, log: RunOptions): Promise<void> {
  const { lines, aptOptions } = await debianSources()
  await run(
    'mmdebstrap',
    [
      ...['--variant=minbase', `--include=${PACKAGES.join(',')}`, '--mode=root'],
      ...aptOptions.map((option) => `--aptopt=${option}`),
      ...['man', 'doc', 'locale', 'info'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      ...['bookworm', root, '-'],
    ],
    { ...log, contained: true, input: lines.join('\n') },
  )
}

async function tarOf(root: string, target: string, log: RunOptions): Promise<string> {
  await run('tar', ['--create', '--xattrs', '--file', target, '--directory', root, '.'], log)
  return target
}

/** Puts everything in its place but the images. */
async function fillNode(root: string, programs: string, version: string): Promise<void> {
  const kindFiles = join(programs, 'kind-files')
  await cp(kindFiles, root, { recursive: true })
  // A module's archive carries no execute bits.
  for (const folder of ['usr/local/bin', 'kind/bin']) {
    for (const name of await readdir(join(kindFiles, folder))) await chmod(join(root, folder, name), 0o755)
  }
  for (const [folder, names] of Object.entries(PROGRAM_FOLDERS)) {
    await mkdir(join(root, folder), { recursive: true })
    for (const name of names) await copyFile(join(programs, name), join(root, folder, name))
  }
  await cp(join(programs, 'cni'), join(root, 'opt/cni/bin'), { recursive: true })
  await mkdir(join(root, 'etc/kubernetes/manifests'), { recursive: true })
  for (const path of UNWANTED) await rm(join(root, path), { recursive: true, force: true })
  for (const { path, content } of nodeImageFiles(version)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
  await configureContainerd(root, programs)
  await configureSystemd(root)
}

async function configureContainerd(root: string, programs: string): Promise<void> {
  const file = join(root, 'etc/containerd/config.toml')
  const configuration = await readFile(file, 'utf8')
  // Where the node may not lower a process's OOM score, no sandbox starts otherwise.
  const [setting, wanted] = ['restrict_oom_score_adj = false', 'restrict_oom_score_adj = true']
  if (!configuration.includes(setting))
    throw new ClusterError(`kind's configuration of containerd has no ${setting} any more: see ${file}`)
  await writeFile(file, configuration.replace(setting, wanted))
  const printed = await run(join(programs, 'ctr'), ['oci', 'spec'])
  await writeFile(join(root, 'etc/containerd/cri-base.json'), baseSpecification(printed))
}

async function configureSystemd(root: string): Promise<void> {
  const system = join(root, 'etc/systemd/system')
  const wanted = join(system, 'multi-user.target.wants')
  for (const entry of await readdir(system)) {
    if (entry.endsWith('.wants')) await rm(join(system, entry), { recursive: true })
  }
  await mkdir(wanted)
  for (const name of SERVICES)
    await symlink(`/etc/systemd/system/${name}.service`, join(wanted, `${name}.service`))
  // Formats of programs are the kernel's, and so the machine's.
  await symlink('/dev/null', join(system, 'systemd-binfmt.service'))
  await mkdir(join(root, 'etc/systemd/journald.conf.d'), { recursive: true })
  await writeFile(join(root, 'etc/systemd/journald.conf.d/kind.conf'), '[Journal]\nReadKMsg=no\n')
  await rm(join(root, 'sbin/init'), { force: true })
  await symlink('/lib/systemd/systemd', join(root, 'sbin/init'))
}

/** Builds the images that kubeadm and the node need; returns an archive of them all. */
async function writeImages(
  work: string,
  root: string,
  { engine, programs }: NodeImageOptions,
  log: RunOptions,
): Promise<string> {
  const version = await readFile(join(root, 'kind/version'), 'utf8')
  const listed = await run(join(programs.directory, 'kubeadm'), [
    'config',
    'images',
    'list',
    '--kubernetes-version',
    version,
  ])
  const configuration = await readFile(join(root, 'etc/containerd/config.toml'), 'utf8')
  const images = nodeImages(listed.split('\n'), sandboxImageOf(configuration))
  for (const image of images) await buildNodeImage(image, join(work, 'image'), { engine, programs }, log)
  const archive = join(work, 'images.tar')
  await engine.docker(['save', '--output', archive, ...images.map(({ reference }) => reference)], log)
  return archive
}

async function buildNodeImage(
  { reference, programs: paths, onDebian, entrypoint }: NodeImage,
  context: string,
  { engine, programs }: Pick<NodeImageOptions, 'engine' | 'programs'>,
  log: RunOptions,
): Promise<void> {
  await rm(context, { recursive: true, force: true })
  await mkdir(context)
  for (const name of Object.keys(paths)) await copyFile(join(programs.directory, name), join(context, name))
  const lines = [
    `FROM ${onDebian ? DEBIAN : 'scratch'}`,
    ...Object.entries(paths).map(([name, path]) => `COPY ${name} ${path}`),
    ...(entrypoint === undefined ? [] : [`ENTRYPOINT ${JSON.stringify(entrypoint)}`]),
  ]
  await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
  await engine.docker(['build', '--tag', reference, context], log)
}

/** Lets a containerd that has the node's files as its own take in the images, as the node's would. */
async function preload(
  archive: string,
  root: string,
  { programs, work }: NodeImageOptions & { readonly work: string },
  log: RunOptions,
): Promise<void> {
  const socket = join(work, 'containerd.sock')
  const configuration = join(work, 'containerd.toml')
  await writeFile(
    configuration,
    `version = 2
root = "${join(root, 'var/lib/containerd')}"
state = "${join(work, 'state')}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${socket}"
`,
  )
  const [program, ...args] = [...CONTAINED, join(programs.directory, 'containerd'), '--config', configuration]
  const daemon = spawn(program, args, { detached: true, stdio: 'ignore' })
  const ctr = (words: string[]): readonly [string, string[]] => [
    join(programs.directory, 'ctr'),
    ['--address', socket, '--namespace', 'k8s.io', ...words],
  ]
  try {
    await untilAnswered(() => attempt(...ctr(['version'])))
    await run(...ctr(['images', 'import', '--no-unpack', archive]), log)
  } finally {
    const ended = once(daemon, 'close')
    daemon.kill('SIGKILL')
    await ended
  }
}

async function untilAnswered(ask: () => Promise<{ readonly code: number }>): Promise<void> {
  const late = Date.now() + ANSWER_MS
  while (Date.now() < late) {
    if ((await ask()).code === 0) return
    await wait(ASK_MS)
  }
  throw new ClusterError('containerd does not answer')
}

async function importNode(tar: string, tag: string, { docker }: Engine, log: RunOptions): Promise<void> {
  const changes = ['ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]', 'ENV container=docker']
  await docker(['import', ...changes.flatMap((change) => ['--change', change]), tar, tag], log)
}
