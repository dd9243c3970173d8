#!/usr/bin/env bash
# Installs what the project's own scripts need and is missing: npm (from Debian's packages) and node_modules.
# Says something only where it does something.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v npm >/dev/null; then
  if ! command -v apt-get >/dev/null; then
    echo "npm is not installed: install Node.js 20 or newer with npm" >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "npm is not installed: install it, or run this as root to have it installed from Debian's packages" >&2
    exit 1
  fi
  echo "installing npm from Debian's packages"
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi

# The lockfile that node_modules was made from; npm's own copy is written anew by every npm command.
stamp=node_modules/.modelrelease-lock
if cmp -s package-lock.json "$stamp"; then exit 0; fi
echo "installing npm packages"
started=$SECONDS
# onnxruntime-node's install script would fetch GPU files from the network.
ONNXRUNTIME_NODE_INSTALL=skip npm ci --loglevel=error --no-audit --no-fund >/dev/null
# Node 24 comes from the npm package `node`, whose install script some versions of npm do not run by themselves.
[ -x node_modules/.bin/node ] || npm rebuild --loglevel=error node >/dev/null
cp package-lock.json "$stamp"
echo "installed npm packages in $((SECONDS - started)) s"
