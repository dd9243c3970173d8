#!/usr/bin/env bash
# Lints the Dockerfiles by hadolint, pinned by its digest.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=hadolint/hadolint:v2.14.0@sha256:27086352fd5e1907ea2b934eb1023f217c5ae087992eb59fde121dce9c9ff21e
for file in Dockerfile.operator Dockerfile.server; do
  echo "$file"
  docker run --rm --interactive --network none --volume "$PWD/.hadolint.yaml:/.hadolint.yaml:ro" "$image" \
    hadolint --config /.hadolint.yaml - <"$file"
done
