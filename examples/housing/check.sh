#!/bin/sh
# Shows that train.py still makes the committed files, byte for byte. Installs Debian's packages if they are missing.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

if ! /usr/bin/python3 -c 'import onnx, sklearn' 2>/dev/null; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo 'check: python3-onnx and python3-sklearn are missing; on Debian 12: apt-get install python3-onnx python3-sklearn' >&2
    exit 2
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-onnx python3-sklearn >&2
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/train.py" "$fresh"
(cd "$here/models" && sha256sum --check --quiet SHA256SUMS)
for file in models/housing-1.onnx models/housing-2.onnx models/housing-wrong.onnx models/SHA256SUMS samples.json; do
  cmp "$here/$file" "$fresh/$file"
done

data=$(/usr/bin/python3 -c 'import pathlib, sklearn.datasets as d; print(pathlib.Path(d.__file__).parent)')/data/boston_house_prices.csv
tail -n +2 "$data" |
  "$here/../../node_modules/.bin/node" "$here/../../model-server/operations/reference-from-csv.ts" \
    --columns CHAS,RM,TAX,PTRATIO,B,LSTAT >"$fresh/drift-reference.json"
cmp "$here/drift-reference.json" "$fresh/drift-reference.json"
echo 'check: train.py makes the committed models and samples, and their data the drift reference, byte for byte'
