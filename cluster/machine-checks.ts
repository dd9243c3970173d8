import { attempt } from './command.ts'
import { ClusterError } from './cluster-error.ts'

/**
 * What the node's components ask of the kernel, tried in a network namespace that ends with the trial:
 * wires, address translation and the matches that kube-proxy writes.
 */
const TRIAL = `set -e
ip link add name trial0 type veth peer name trial1
iptables -w -t nat -N TRIAL
iptables -w -t nat -A TRIAL -m comment --comment t -m statistic --mode random --probability 0.5 -j MARK --or-mark 0x4000
iptables -w -t nat -A TRIAL -m recent --name t --rcheck --seconds 5 -p tcp -j DNAT --to-destination 127.0.0.1:1
iptables -w -t nat -A TRIAL -m mark --mark 0x4000/0x4000 -j MASQUERADE
iptables -w -t filter -A FORWARD -m conntrack --ctstate INVALID -j DROP
mount -t tmpfs none /mnt
mkdir /mnt/a /mnt/b /mnt/c /mnt/d
mount -t overlay -o lowerdir=/mnt/a,upperdir=/mnt/b,workdir=/mnt/c overlay /mnt/d
test -c /dev/kmsg
test -d /sys/fs/cgroup`

/** Throws a ClusterError unless this process is root: namespaces, routes and cgroups need it. */
export function refuseOtherUsers(): void {
  if (process.getuid?.() === 0) return
  throw new ClusterError(
    'the node needs root for its namespaces; run this as root, or name an existing cluster with --context NAME',
  )
}

/** Throws a ClusterError that says what the kernel could not do. */
export async function refuseMissingKernelFeatures(): Promise<void> {
  const trial = await attempt('unshare', [
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    'sh',
    '-c',
    TRIAL,
  ])
  if (trial.code === 0) return
  const reason = trial.stderr.trim().split('\n')[0] ?? ''
  throw new ClusterError(
    `this kernel, or the container that this runs in, lacks what a node needs (${reason}); use a virtual machine with Debian's own kernel, or an existing cluster with --context NAME`,
  )
}
