#!/bin/sh
# Turns fresh namespaces into a node's world, then becomes its init.
# usage: setup.sh STATE_DIR RUN_DIR BINARIES_DIR NODE CHECKOUT
# The first and only line on stdin says that the machine's side is ready; end of file means that whoever started
# this is gone, and so is this node.
set -eu
state=$1
run=$2
binaries=$3
node=$4
checkout=$5

# Away from the machine first; shared among the node's own, because kubelet wants its mounts to reach containers.
mount --make-rprivate /
mount --make-rshared /

# The programs may lie below a directory that is replaced in the next lines.
mount --bind "$binaries" "$run/run/bin"
mount --bind "$node" "$run/run/node"
mount --rbind "$checkout" "$run/run/checkout"

# kubelet insists on these kernel settings and would write them for the whole machine. It reads them from here.
for setting in "$run"/run/sysctl/*; do
  name=$(basename "$setting" | tr : /)
  [ ! -e "/proc/sys/$name" ] || mount --bind "$setting" "/proc/sys/$name"
done

# A /run, /var and /tmp of its own: no default path of any component touches the machine's.
# /run goes last because the other sources may be seen through it.
mkdir -p "$state/var/tmp"
mount --bind "$state/var/tmp" /tmp
mount --bind "$state/var" /var
mount --rbind "$run/run" /run

# The caller's limit would become every container's.
ulimit -n "$(ulimit -H -n)"

ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
# A packet to an address that nobody has is refused at once; with the limit some senders would wait for seconds.
echo 0 >/proc/sys/net/ipv4/icmp_ratelimit

read -r go
exec /run/init /run/services </dev/null
