import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { enterCgroup, hierarchies, removeCgroups } from './cgroups.ts'
import { attempt } from './command.ts'

const NODE = 'modelrelease-n'

/** Stands for /sys/fs/cgroup: the files that the kernel shows there, and in the node's groups once they are made. */
let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cgroups-'))
})
afterEach(() => rm(root, { recursive: true }))

async function show(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
}

const text = (path: string): Promise<string> => readFile(join(root, path), 'utf8')

/** What version 2 shows in a group that may hand down these controllers. */
const unified = (group: string, controllers: string): Record<string, string> => ({
  [join(group, 'cgroup.controllers')]: `${controllers}\n`,
  [join(group, 'cgroup.subtree_control')]: '',
})

test('on version 2 the root and the node hand down every controller that pods have limits of', async () => {
  const offered = 'cpuset cpu io memory hugetlb pids rdma misc'
  await show({
    ...unified('.', offered),
    ...unified(NODE, offered),
    [`${NODE}/cpu.weight`]: '100\n',
  })

  await enterCgroup(NODE, 4711, root)

  const handedDown = '+cpuset +cpu +io +memory +pids +hugetlb'
  expect(await text('cgroup.subtree_control')).toBe(handedDown)
  expect(await text(`${NODE}/cgroup.subtree_control`)).toBe(handedDown)
  expect(await text(`${NODE}/cpu.weight`)).toBe('800')
  expect(await text(`${NODE}/system/cgroup.procs`)).toBe('4711')
})

test('on version 2 only what the machine offers is handed down', async () => {
  await show({ ...unified('.', 'memory pids'), ...unified(NODE, 'memory pids') })

  await enterCgroup(NODE, 4711, root)

  expect(await text('cgroup.subtree_control')).toBe('+memory +pids')
  expect(await text(`${NODE}/system/cgroup.procs`)).toBe('4711')
})

test('a hybrid machine hands nothing down in its version 2 hierarchy, where nothing has limits', async () => {
  await show({
    'cpu/cgroup.procs': '',
    'unified/cgroup.procs': '',
    ...unified('unified', 'hugetlb'),
    ...unified(`unified/${NODE}`, 'hugetlb'),
    [`cpu/${NODE}/cpu.shares`]: '1024\n',
  })

  await enterCgroup(NODE, 4711, root)

  expect(await hierarchies(root)).toEqual([join(root, 'cpu'), join(root, 'unified')])
  expect(await text('unified/cgroup.subtree_control')).toBe('')
  expect(await text(`unified/${NODE}/cgroup.subtree_control`)).toBe('')
  expect(await text(`unified/${NODE}/system/cgroup.procs`)).toBe('4711')
  expect(await text(`cpu/${NODE}/cpu.shares`)).toBe('8192')
})

test('a version 1 cpuset is filled before a process enters it', async () => {
  await show({
    'cpuset/cgroup.procs': '',
    'cpuset/cpuset.cpus': '0-1\n',
    'cpuset/cpuset.mems': '0\n',
  })

  await enterCgroup(NODE, 4711, root)

  expect(await text(`cpuset/${NODE}/system/cpuset.cpus`)).toBe('0-1\n')
  expect(await text(`cpuset/${NODE}/system/cpuset.mems`)).toBe('0\n')
})

/** The machine's own version 2 hierarchy, where a test may make groups in it and they get a controller at all. */
const machines = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].find((path) => {
  try {
    return (
      process.getuid?.() === 0 && readFileSync(join(path, 'cgroup.subtree_control'), 'utf8').trim() !== ''
    )
  } catch {
    return false
  }
})
const onVersion2 = machines === undefined ? test.skip : test

onVersion2('a container whose own cgroups hold its processes is told how to be started', async () => {
  const container = `modelrelease-test-${process.pid}`
  const group = join(machines ?? '', container)
  const program = `import { enterCgroup } from ${JSON.stringify(join(import.meta.dirname, 'cgroups.ts'))}
await enterCgroup('n', process.pid, ${JSON.stringify(root)})`
  const inside = 'mount -t cgroup2 none "$0" && exec "$1" --input-type=module-typescript --eval "$2"'
  const outside = 'echo $$ >"$0/cgroup.procs" && exec unshare --cgroup --mount sh -c "$@"'
  await mkdir(group)
  try {
    const node = [root, process.execPath, program]
    const { code, stderr } = await attempt('sh', ['-c', outside, group, inside, ...node])
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/ClusterError: processes stand in the root .*--cgroupns=host/)
  } finally {
    await removeCgroups(container)
  }
})
