#!/usr/bin/env bash
# kubectl modelrelease, as installed, or else that of this repository.
set -euo pipefail

if command -v kubectl-modelrelease >/dev/null; then exec kubectl-modelrelease "$@"; fi
root=$(cd "$(dirname "$0")/../.." && pwd)
exec "$root/node_modules/.bin/node" "$root/cli/main.ts" "$@"
