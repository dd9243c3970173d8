#!/bin/sh
# Shows that train.py still makes the committed files, byte for byte, and that the server takes pictures of digits for what
# scikit-learn takes them for. Installs Debian's packages and the handler's if they are missing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

"$here/../need-debian.sh" python3-onnx python3-sklearn
# The lockfile that node_modules was made from.
if ! cmp -s "$here/package-lock.json" "$here/node_modules/.made-from"; then
  (cd "$here" && npm ci --loglevel=error --no-audit --no-fund >&2)
  cp "$here/package-lock.json" "$here/node_modules/.made-from"
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/train.py" "$fresh"
(cd "$here/models" && sha256sum --check --quiet SHA256SUMS)
for file in models/digits-1.onnx models/SHA256SUMS samples.json; do
  cmp "$here/$file" "$fresh/$file"
done
"$here/../../node_modules/.bin/node" --test --test-reporter=dot "$here/check.mjs"
echo 'check: train.py makes the committed model and samples, and pictures are taken for what scikit-learn takes them for'
