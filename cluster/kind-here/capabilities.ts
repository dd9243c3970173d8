/** What a privileged container asks for and this machine cannot give. */

/**
 * The capabilities that even root has lost here, as `CAP_…`.
 * @param bounding the bounding set, in hexadecimal as in /proc/self/status
 * @param known names of all that the kernel knows, in its order, as `setpriv --list-caps` prints them
 */
export function missingCapabilities(bounding: string, known: readonly string[]): string[] {
  const set = BigInt(`0x${bounding}`)
  return known.flatMap((name, bit) => ((set >> BigInt(bit)) & 1n ? [] : [`CAP_${name.toUpperCase()}`]))
}

/**
 * A runtime for a Docker engine: a shell script that takes the capabilities out of what the engine asks for and then is runc, which
 * refuses to start anything with more than it has. A container is described by the `config.json` of its bundle, a further process
 * in it (`docker exec`) by a file of its own.
 */
export function runtimeWithout(missing: readonly string[], runc: string): string {
  const edits = missing.flatMap((name) => [`s/,"${name}"//g`, `s/"${name}",//g`, `s/\\["${name}"\\]/[]/g`])
  return `#!/bin/sh
previous=
for argument; do
  case $previous in
    --bundle|-b) file=$argument/config.json ;;
    --process|-p) file=$argument ;;
    *) file= ;;
  esac
  [ -f "$file" ] && sed -i ${edits.map((edit) => `-e '${edit}'`).join(' ')} "$file"
  previous=$argument
done
exec '${runc}' "$@"
`
}
