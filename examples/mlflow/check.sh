#!/bin/sh
# Serves models from a real MLflow registry, and compares each answer with that of MLflow's own scoring server.
# Installs MLflow from PyPI into a cache (about 950 MB, some minutes) when it is not there yet.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/modelrelease/mlflow-3.17.2

if [ ! -f "$venv/complete" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  touch "$venv/complete"
fi
exec "$here/../../node_modules/.bin/node" "$here/check.ts" "$venv/bin"
