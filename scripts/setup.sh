#!/usr/bin/env bash
# Installs what the project's own scripts need and is missing: Node.js (from Debian's packages), npm and node_modules.
# Says something only where it does something.
set -euo pipefail
cd "$(dirname "$0")/.."

# The newest that runs on Debian 12's Node.js 18.
NPM_VERSION=10.9.9
NPM_SHA512=d60fba8cb42f688b81e33c2f1cbef2ad7b977166700ec0ad057f1b6d60ea6ef2524abf673e20c35931cd8305d1dbb8887134d6eefdc0e7b8435bd458bf65b862

install_packages() {
  apt-get -qq update
  DEBCONF_NOWARNINGS=yes DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

# Fails, and leaves nothing, where no registry is set, or it cannot be reached, or sends something else. npm alone knows its default.
install_own_npm() {
  local registry target=/usr/local/lib/node_modules/npm file
  registry=${NPM_CONFIG_REGISTRY:-${npm_config_registry:-$(sed -n 's/^registry *= *//p' ~/.npmrc 2>/dev/null | tail -n 1 || true)}}
  [ -n "$registry" ] || return 1
  file=$(mktemp)
  if curl -fsSL --max-time 60 --output "$file" "${registry%/}/npm/-/npm-$NPM_VERSION.tgz" &&
    sha512sum --check --status <<<"$NPM_SHA512  $file"; then
    mkdir -p "$target" /usr/local/bin
    tar --extract --gzip --file="$file" --directory="$target" --strip-components=1
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
    rm "$file"
  else
    rm "$file"
    return 1
  fi
}

if ! command -v npm >/dev/null; then
  if ! command -v apt-get >/dev/null; then
    echo "npm is not installed: install Node.js 20 or newer with npm" >&2
    exit 1
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "npm is not installed: install it, or run this as root to have it installed" >&2
    exit 1
  fi
  echo "installing Node.js and npm"
  install_packages nodejs curl ca-certificates
  # npm's own package is one file; Debian's brings 367 packages, and takes 40 s where this takes 2 s.
  install_own_npm || install_packages npm
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
