/** What an image holds, or what its container is started with: a description by path or by name. */
export type Contents = ReadonlyMap<string, string>

/** The two images that one Dockerfile became. */
export interface Built {
  readonly docker: Contents
  readonly buildah: Contents
}

/** One line for each path or name that is not the same in both. */
export function differences({ docker, buildah }: Built): string[] {
  const keys = [...new Set([...docker.keys(), ...buildah.keys()])].sort()
  return keys
    .filter((key) => docker.get(key) !== buildah.get(key))
    .map(
      (key) => `${key}: docker ${docker.get(key) ?? 'lacks it'}, buildah ${buildah.get(key) ?? 'lacks it'}`,
    )
}

/**
 * Every path that `find -printf '%P\t%y %m %U:%G %l\0'` listed, with the digest that `sha256sum --zero` found for a file: of the type,
 * mode, owner, target or digest that differ, `differences` tells both.
 */
export function filesOf(listed: string, digests: string): Contents {
  const digestOf = new Map(entries(digests).map((line) => [line.slice('./'.length + 66), line.slice(0, 64)]))
  return new Map(
    entries(listed).map((entry) => {
      const [path = '', attributes = ''] = entry.split('\t')
      return [path, [attributes, digestOf.get(path) ?? ''].join('').trim()]
    }),
  )
}

function entries(text: string): string[] {
  return text.split('\0').filter((entry) => entry !== '')
}
