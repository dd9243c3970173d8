import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildah } from '../../../cluster/buildah.ts'
import { run } from '../../../cluster/command.ts'
import { readConfig } from '../../../cluster/config.ts'
import type { ClusterHandle, ClusterProvider } from '../../../cluster/handle.ts'
import { BASE_IMAGE, buildImage, referenceOf, type BuiltImage } from '../../../cluster/images.ts'
import { providerFor } from '../../../cluster/provider.ts'
import { processOf } from '../../../demo/operator-pods.ts'
import { ROOT, startProgram, stopProgram } from '../../../demo/program.ts'
import { HOUSING } from '../bare-runs.ts'
import { column, interleaved } from '../context.ts'
import type { Context, Part } from '../context.ts'
import type { Measure } from '../measure.ts'

const TAG = 'modelrelease/model-server:dev'
const CLUSTER = { name: 'bench-server', range: '10.221.0.0/16' }
const POD = 'model-server'
const NAMESPACE = 'default'
const MIB = 2 ** 20
const TICK_MS = 10
const LOADED = 'Model loaded and warmed up'

/** The real image: its size above the base, and how long its process takes in a pod that may write nothing. */
export const image: Part = {
  title: 'The image, in a pod with a read-only root',
  run: async (context) => {
    const config = readConfig(CLUSTER)
    const { cacheDir } = config
    const built = await buildImage(
      { tag: TAG, dockerfile: join(ROOT, 'Dockerfile.server'), context: ROOT },
      { cacheDir, report: context.say },
    )
    const layers = await layersAboveBase(built, cacheDir)
    const provider = await providerFor({ config, report: context.say })
    try {
      const starts = await startsInPods(context, provider, await provider.up())
      return [
        {
          name: 'start of the process to ready',
          unit: 'ms',
          values: starts,
          target: { most: 700 },
          note: 'from /proc/PID/stat to the log; not pinned to a core',
        },
        ...sizes(layers, context.shipped.runtimeBytes),
      ]
    } finally {
      await provider.down()
    }
  },
}

function sizes(layers: readonly number[], runtimeBytes: number): Measure[] {
  const bytes = layers.reduce((sum, size) => sum + size, 0)
  return [
    {
      name: 'layers over the base image and onnxruntime’s own library',
      unit: 'MiB',
      values: [(bytes - runtimeBytes) / MIB],
      target: { most: 60 },
    },
    {
      name: 'layers over the base image',
      unit: 'MiB',
      values: [bytes / MIB],
      note: `unpacked, from the largest: ${layers
        .toSorted((a, b) => b - a)
        .map((size) => (size / MIB).toFixed(2))
        .join(', ')}`,
    },
  ]
}

/** The unpacked bytes of each layer that Dockerfile.server adds. */
async function layersAboveBase({ archive }: BuiltImage, cacheDir: string): Promise<number[]> {
  const inspected = await buildah(['inspect', '--type', 'image', referenceOf(BASE_IMAGE)], { cacheDir })
  const base = JSON.parse(inspected) as { OCIv1: { rootfs: { diff_ids: string[] } } }
  const [manifest] = JSON.parse(
    await run('tar', ['--extract', '--to-stdout', '--file', archive, 'manifest.json']),
  ) as {
    Layers: string[]
  }[]
  const listing = await run('tar', ['--list', '--verbose', '--file', archive])
  const sizes = new Map(
    listing.split('\n').map((line) => {
      const [, , size, , , name = ''] = line.split(/\s+/)
      return [name, Number(size)]
    }),
  )
  return (manifest?.Layers ?? [])
    .slice(base.OCIv1.rootfs.diff_ids.length)
    .map((layer) => sizes.get(layer) ?? NaN)
}

type Kubectl = (args: readonly string[], input?: string) => Promise<string>

async function startsInPods(
  context: Context,
  provider: ClusterProvider,
  cluster: ClusterHandle,
): Promise<number[]> {
  await cluster.load(TAG)
  const models = await startProgram({
    command: ['demo/model-files.ts', dirname(HOUSING.MODEL_URI), cluster.hostAddress],
    logFile: join(context.scratch, 'model-files.log'),
  })
  const kubectl: Kubectl = (args, input) =>
    run(
      cluster.kubectl,
      [
        '--kubeconfig',
        cluster.kubeconfigPath,
        '--cache-dir',
        join(tmpdir(), 'modelrelease-kubectl-bench'),
        ...args,
      ],
      input === undefined ? {} : { input },
    )
  try {
    const modelUrl = `${models.ready.trim()}/housing-2.onnx`
    const samples = await interleaved(context, {
      pod: () => startInPod({ kubectl, provider }, modelUrl, context.scratch),
    })
    return column(samples, 'pod', (ms) => ms)
  } finally {
    await stopProgram(models.identity)
  }
}

type World = { kubectl: Kubectl; provider: ClusterProvider }

async function startInPod(world: World, modelUrl: string, scratch: string): Promise<number> {
  const { kubectl } = world
  await kubectl(['apply', '-f', '-'], JSON.stringify(podOf(modelUrl)))
  try {
    await kubectl(['wait', '--for=condition=Ready', `pod/${POD}`, '--timeout=120s'])
    const started = await startOf(world)
    const log = await kubectl(['logs', POD])
    writeFileSync(join(scratch, 'pod.log'), log)
    return loadedAt(log) - started
  } finally {
    await kubectl(['delete', 'pod', POD, '--wait=true'])
  }
}

/** When the pod's process began, in milliseconds since 1970, to a hundredth of a second. */
async function startOf({ kubectl, provider }: World): Promise<number> {
  const { node, pid } = await processOf({ kubectl, provider }, POD, NAMESPACE)
  const [program = '', ...args] = await provider.enter(['cat', `/proc/${pid}/stat`], node)
  const stat = await run(program, args)
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  const upMs = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
  return Date.now() - upMs + ticks * TICK_MS
}

function loadedAt(log: string): number {
  const line = log.split('\n').find((one) => one.includes(LOADED))
  if (line === undefined) throw new Error(`the pod's log has no '${LOADED}'`)
  return (JSON.parse(line) as { time: number }).time
}

function podOf(modelUrl: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: POD, namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: POD,
          image: TAG,
          imagePullPolicy: 'IfNotPresent',
          env: [
            { name: 'MODEL_NAME', value: 'housing' },
            { name: 'MODEL_URI', value: modelUrl },
          ],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          readinessProbe: { httpGet: { path: '/v2/health/ready', port: 8080 }, periodSeconds: 1 },
        },
      ],
    },
  }
}
