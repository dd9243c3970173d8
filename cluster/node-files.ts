import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { certificateRequests, issueCertificates } from './certificates.ts'
import { CHECKOUT, kubeconfigText, nodeFiles } from './components.ts'
import type { Kubernetes } from './kubernetes.ts'
import type { Layout } from './layout.ts'
import type { NodeRanges } from './ranges.ts'

/** What a node's files are written from. */
export interface NodeFilesOptions {
  readonly layout: Layout
  readonly ranges: NodeRanges
  readonly kubernetes: Kubernetes
  readonly pauseImage: string
  readonly initProgram: string
}

/** Directories, keys, configuration and kubeconfig: all that the node reads, before anything runs. */
export async function writeNodeFiles(options: NodeFilesOptions): Promise<void> {
  const { layout, ranges, kubernetes, pauseImage, initProgram } = options
  await mkdir(layout.logDir, { recursive: true })
  await mkdir(join(layout.runDir, 'run/bin'), { recursive: true })
  await mkdir(join(layout.runDir, CHECKOUT), { recursive: true })
  // Keys and the containerd socket are in there.
  await chmod(layout.stateDir, 0o700)
  await chmod(layout.runDir, 0o700)
  await symlink('/run', join(layout.varDir, 'run'))
  const settings = { nodeName: layout.nodeName, ranges, cgroup: layout.cgroup, pauseImage, kubernetes }
  for (const { path, content, mode } of nodeFiles(settings)) {
    const target = join(path.startsWith('/var/') ? layout.stateDir : layout.runDir, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, content, { mode })
  }
  await copyFile(initProgram, join(layout.runDir, 'run/init'))
  await issueCertificates(layout.pkiDir, certificateRequests(layout.nodeName, ranges))
  await writeFile(layout.kubeconfig, await adminKubeconfig(layout, ranges), { mode: 0o600 })
}

/** With the keys inside, so that the one file can be handed to any tool and mounted into any pod. */
async function adminKubeconfig({ pkiDir }: Layout, ranges: NodeRanges): Promise<string> {
  const byPath = kubeconfigText(`https://${ranges.nodeAddress}:6443`, pkiDir, 'admin')
  const files = [...byPath.matchAll(/"(certificate-authority|client-certificate|client-key)": "([^"]+)"/g)]
  const inline = await Promise.all(
    files.map(async ([entry, key, path]) => ({
      entry,
      data: `"${key ?? ''}-data": "${(await readFile(path ?? '')).toString('base64')}"`,
    })),
  )
  return inline.reduce((text, { entry, data }) => text.replace(entry, data), byPath)
}
