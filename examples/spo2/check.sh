#!/bin/sh
# Shows that model.py still makes the committed model, byte for byte, and that the server measures clips with known pulses.
# Installs Debian's packages if they are missing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

"$here/../need-debian.sh" ffmpeg python3-onnx

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/model.py" "$fresh"
(cd "$here/models" && sha256sum --check --quiet SHA256SUMS)
for file in spo2-1.onnx SHA256SUMS; do
  cmp "$here/models/$file" "$fresh/models/$file"
done
"$here/../../node_modules/.bin/node" --test --test-reporter=dot "$here/check.ts"
echo 'check: model.py makes the committed model, and clips are measured as they were made'
