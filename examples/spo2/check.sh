#!/bin/sh
# Shows that model.py still makes the committed model, byte for byte, and that the server measures clips with known pulses.
# Installs Debian's packages if they are missing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

missing=''
/usr/bin/python3 -c 'import onnx' 2>/dev/null || missing='python3-onnx'
command -v ffmpeg >/dev/null || missing="$missing ffmpeg"
if [ -n "$missing" ]; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "check: missing; on Debian 12: apt-get install $missing" >&2
    exit 2
  fi
  # shellcheck disable=SC2086 # several packages
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing >&2
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/model.py" "$fresh"
(cd "$here/models" && sha256sum --check --quiet SHA256SUMS)
for file in spo2-1.onnx SHA256SUMS; do
  cmp "$here/models/$file" "$fresh/models/$file"
done
"$here/../../node_modules/.bin/node" --test --test-reporter=dot "$here/check.ts"
echo 'check: model.py makes the committed model, and clips are measured as they were made'
