import { join } from 'node:path'

/** Every path and name that the engine and what it runs use on the machine. */
export interface Places {
  /** Programs, the engine's images and what is built on the way; survives. */
  readonly cache: string
  /** One at a time: there is one network `kind` in an engine. */
  readonly lockFile: string
  readonly build: string
  /** What Docker calls its data root. */
  readonly data: string
  readonly log: string
  /** Sockets and the runtime; gone with the engine. */
  readonly run: string
  readonly socket: string
  /** The parent of every container's cgroup, and the network device on which they hang. */
  readonly cgroup: string
  readonly bridge: string
}

/** Where things are, below the cache of the settings. */
export function placesIn(cacheDir: string): Places {
  const cache = join(cacheDir, 'kind-here')
  const run = '/run/modelrelease/.kind-here'
  return {
    cache,
    lockFile: '/run/modelrelease/.kind-here.lock',
    build: join(cache, 'build'),
    data: join(cache, 'engine'),
    log: join(cache, 'engine.log'),
    run,
    socket: join(run, 'docker.sock'),
    cgroup: 'modelrelease-kind-here',
    bridge: 'mrk-kind',
  }
}
