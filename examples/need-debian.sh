#!/bin/sh
# Installs those of the given Debian packages that are missing: examples/need-debian.sh ffmpeg python3-onnx
set -eu
missing=''
for package in "$@"; do
  dpkg-query --show --showformat='${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing; on Debian 12: apt-get install$missing" >&2
  exit 2
fi
# shellcheck disable=SC2086 # several packages
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
