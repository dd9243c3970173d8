#!/usr/bin/env bash
# One family of the end-to-end tests on a kind cluster, on a machine with Docker. Logs are in .demo.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v kubectl >/dev/null || { echo "kubectl is not installed; kind needs one" >&2; exit 1; }
PATH=$(dirname "$(scripts/ci/tool.sh kind)"):$PATH
export PATH MODELRELEASE_CLUSTER_PROVIDER=kind
npm run -s jest -- --selectProjects e2e --runInBand --testPathPatterns "${1:-releases}"
