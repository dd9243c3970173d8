import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './command.ts'

/** Nothing is ever pulled from here; what it guards against is what a build itself just made. */
const POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'

/** Runs buildah on a storage of its own: the user's images and containers are neither seen nor changed. */
export async function buildah(
  args: readonly string[],
  options: {
    readonly cacheDir: string
    readonly logFile?: string
    readonly signal?: AbortSignal | undefined
  },
): Promise<string> {
  const home = join(options.cacheDir, 'buildah')
  await mkdir(home, { recursive: true })
  const policy = join(home, 'policy.json')
  await writeFile(policy, POLICY)
  const [verb = '', ...rest] = args
  const needsPolicy = verb === 'build' || verb === 'push'
  return run(
    'buildah',
    [
      ...[
        '--root',
        join(home, 'storage'),
        '--runroot',
        '/run/modelrelease/.buildah',
        '--storage-driver',
        'overlay',
      ],
      ...[verb, ...(needsPolicy ? ['--signature-policy', policy] : []), ...rest],
    ],
    {
      signal: options.signal,
      contained: true,
      ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    },
  )
}
