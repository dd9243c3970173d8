#!/bin/bash
# The first process of fresh process, mount, host name and IPC namespaces: makes a bare root on a disk of its own, and plays
# commands in it. Everything ends with this process, and the disk is gone with the last that used it.
# usage: enter.sh WORK CACHE COMMAND...
# WORK holds root.tar, files.tar (how this machine reaches its mirrors), checkout.tar, environment and the program `executed`;
# it gets executed.txt, before.txt, owners.txt and history.log.
set -euo pipefail
work=$1
cache=$2
shift 2
root=$work/root

mount --make-rprivate /
hostname bare
truncate --size=20G "$work/disk"
mkfs.ext4 -q -F -E lazy_itable_init=1,nodiscard "$work/disk"
mkdir "$root"
mount -o loop,noatime "$work/disk" "$root"
# Whatever ends us, no file of that size stays.
rm "$work/disk"

tar --extract --preserve-permissions --file="$work/root.tar" --directory="$root"
tar --extract --file="$work/files.tar" --directory="$root"
mkdir -p "$root/root/modelrelease"
tar --extract --file="$work/checkout.tar" --directory="$root/root/modelrelease"
rm "$work"/*.tar
rm -rf "$root"/var/lib/apt/lists/* "$root/etc/machine-id"
echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n127.0.1.1 bare\n' >"$root/etc/hosts"
dpkg-query --admindir="$root/var/lib/dpkg" --show --showformat='${Package}\n' >"$work/before.txt"

mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"

# Kubernetes is built once on a machine; images are built here, by what is here.
inner=$root/root/.cache/modelrelease
mkdir -p "$inner" "$root/var/cache/own/images" "$root/var/cache/own/buildah"
mount --bind "$cache" "$inner"
for own in images buildah; do
  mkdir -p "$inner/$own"
  mount --bind "$root/var/cache/own/$own" "$inner/$own"
done

# A network of its own, whose packets a program carries out: no route, rule or setting of the machine is changed.
unshare --net sleep infinity &
net=$!
until [ "$(readlink /proc/$net/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
exec 3<> <(:)
slirp4netns --configure --mtu=65520 --disable-host-loopback --ready-fd=3 "$net" tap0 >"$work/network.log" 2>&1 &
read -r -t 60 -n 1 -u 3 _ || { cat "$work/network.log" >&2; exit 1; }

"$work/executed" "$root" >"$work/executed.txt" &
listener=$!

play() {
  # The old root is left behind, so that the node's own roots can be made from this one as on a machine.
  nsenter --net="/proc/$net/ns/net" unshare --mount bash -c '
    cd "$1" && mkdir -p .outside && pivot_root . .outside && umount -l /.outside && rmdir /.outside
    cd /root/modelrelease && exec env -i "${@:3}" bash -c "$2"
  ' bash "$root" "$1" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${environment[@]}" </dev/null
}
mapfile -t environment <"$work/environment"

failed=0
for command in "$@"; do
  started=$SECONDS
  echo "== $command"
  if ! play "$command" 2>&1; then
    failed=1
    echo "== failed after $((SECONDS - started)) s: $command"
    break
  fi
  echo "== took $((SECONDS - started)) s"
done

kill "$listener"
# Debian's packages name files by the folders from before /bin became a link.
sed -n 'p; s,^/usr,,p' "$work/executed.txt" | xargs -r -d '\n' \
  dpkg-query --admindir="$root/var/lib/dpkg" --search >"$work/owners.txt" 2>/dev/null || true
cp "$root/var/log/apt/history.log" "$work/history.log" 2>/dev/null || true
exit "$failed"
